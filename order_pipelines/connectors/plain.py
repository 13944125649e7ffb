"""What others wrote, made fit for our messages: no secrets, nothing that names a person by its form, one line."""

import re
from collections.abc import Iterable
from urllib.parse import quote_plus

_SHORTEST_SECRET = 6
_REDACTED = (
    (re.compile(r"\S+@\S+"), "[e-mail]"),
    (re.compile(r"(?<![\w-])[\w.~+/=-]{40,}"), "[…]"),
    (re.compile(r"(?:\+|\b00)\d[\d ()-]{7,}\d|\b0\d{1,3}[- ]\d{6,8}\b|\b06[- ]?\d{8}\b"), "[phone]"),
    (re.compile(r"\b[1-9]\d{3} ?[A-Z]{2}\b"), "[postcode]"),
    (re.compile(r"\b(?:NL\d{9}B\d{2}|BE[01]\d{9})\b"), "[VAT id]"),
    (re.compile(r"\b[A-Z]{2}\d{2}[A-Z]{4}\d{10}\b|\bBE\d{14}\b"), "[IBAN]"),
)


def plain_words(text: str, *, secrets: Iterable[str] = (), longest: int = 300) -> str:
    """Return a vendor's sentence as one short line without secrets and without what names a person by its form.

    Names and streets have no form: whoever knows the order removes them (``operations/people.py``).
    """
    text = text[: 64 * 1024]
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[secret]").replace(quote_plus(secret), "[secret]")
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    for form, instead in _REDACTED:
        text = form.sub(instead, text)
    return text if len(text) <= longest else text[: longest - 1] + "…"
