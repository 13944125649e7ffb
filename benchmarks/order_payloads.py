"""Files of orders by system, as each of them writes them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import bol_payloads, mirakl_payloads, shopware_payloads
from benchmarks.bol_payloads import Article, Sums

_MAKE: dict[str, Callable[[int, Sequence[Article], Sums, int], Iterator[tuple[str, bytes]]]] = {
    "bol": bol_payloads.make_each,
    "mirakl": mirakl_payloads.make_each,
    "shopware": shopware_payloads.make_each,
}


def write_files(system: str, folder: Path, amount: int, goods: Sequence[Article], seed: int = 1) -> Sums:
    """Write orders of a system as JSON, one a line and a thousand a file; returns what they add up to."""
    sums = Sums()
    bol_payloads.write_parts(folder, (body for _, body in _MAKE[system](amount, goods, sums, seed)))
    return sums
