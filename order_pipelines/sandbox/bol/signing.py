"""The key that webhook messages are signed with: RSA, PKCS#1 v1.5, SHA-256, in plain Python.

The key is made from the sandbox's seed and protects nothing. Written by hand, because the product needs no library
that makes keys. That bol publishes the key as SubjectPublicKeyInfo is unverified.
"""

import base64
import functools
import hashlib
import itertools
import random
from dataclasses import dataclass

_BITS = 2048
_EXPONENT = 65537
_ROUNDS = 24
_SMALL_PRIMES = [
    number for number in range(3, 2000) if all(number % step for step in range(2, int(number**0.5) + 1))
]
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")


@dataclass(frozen=True)
class SigningKey:
    """One key pair with the id under which bol's key list shows it."""

    key_id: str
    modulus: int
    private_exponent: int

    def signature_header(self, body: bytes) -> str:
        """Return the value of the ``Signature`` header for a raw body."""
        length = (self.modulus.bit_length() + 7) // 8
        digest = _SHA256_INFO + hashlib.sha256(body).digest()
        padded = b"\x00\x01" + b"\xff" * (length - len(digest) - 3) + b"\x00" + digest
        signed = pow(int.from_bytes(padded, "big"), self.private_exponent, self.modulus).to_bytes(
            length, "big"
        )
        return f'keyId={self.key_id}, algorithm="rsa-sha256", signature={base64.b64encode(signed).decode()}'

    def public_key(self) -> str:
        """Return the public key: DER SubjectPublicKeyInfo in base64."""
        key = _sequence(_integer(self.modulus) + _integer(_EXPONENT))
        return base64.b64encode(_sequence(_RSA_ENCRYPTION + _tagged(0x03, b"\x00" + key))).decode()


@functools.lru_cache(maxsize=8)
def signing_key(seed: int) -> SigningKey:
    """Return the key of a seed; the first call takes a good part of a second."""
    rng = random.Random(f"signing-key:{seed}")
    p, q = _prime(rng), _prime(rng)
    return SigningKey("0", p * q, pow(_EXPONENT, -1, (p - 1) * (q - 1)))


def _prime(rng: random.Random) -> int:
    top = 0b11 << (_BITS // 2 - 2)
    for _ in itertools.count():
        candidate = rng.getrandbits(_BITS // 2) | top | 1
        fits = candidate % _EXPONENT != 1 and all(candidate % small for small in _SMALL_PRIMES)
        if fits and _is_probably_prime(candidate, rng):
            return candidate
    raise AssertionError("counting does not end")


def _is_probably_prime(number: int, rng: random.Random) -> bool:
    """Miller-Rabin."""
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for _ in range(_ROUNDS):
        power = pow(rng.randrange(2, number - 1), odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _sequence(content: bytes) -> bytes:
    return _tagged(0x30, content)


def _tagged(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    width = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | width]) + length.to_bytes(width, "big") + content
