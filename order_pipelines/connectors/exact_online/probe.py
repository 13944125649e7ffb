"""A read-only visit to a division of Exact Online: consent, division, and the master data that the settings name.

Tokens are taken as the connector takes them, from the store and under its lock: a refresh token works once.
"""

from functools import partial

from order_pipelines.connectors.exact_online.client import SALES_ENTRIES, ExactClient
from order_pipelines.connectors.ports import Account, House
from order_pipelines.connectors.visiting import BooksWanted, Visit
from order_pipelines.domain.findings import CallLimit

_SOURCE = "Exact Online, limits per app and division, contract digest read 2026-11"
LIMITS = (
    CallLimit("calls", 60, 60.0, _SOURCE),
    CallLimit("calls a day", 5_000, 86_400.0, _SOURCE),
)
_NOBODY = "ORDER-PIPELINES-DOCTOR"


class ExactProbe:
    """AccountProbe of one division."""

    lists_offers_by_reading = False

    def __init__(self, account: Account, house: House) -> None:
        self._account = account
        self._house = house

    def visit(self, visit: Visit, wanted: BooksWanted) -> None:
        """Look the division, the entries and every named journal, VAT code, ledger account and customer up."""
        with ExactClient(self._account, self._house) as client:
            wrong = visit.ask("read the divisions", client.check_connection)
            if wrong is None:
                return
            for problem in wrong:
                visit.note("division_wrong", "fail", problem, "Set options.division.", said=problem)
            if wrong:
                return
            visit.ask(f"read sales entries ({SALES_ENTRIES})", lambda: client.find_entries(_NOBODY))
            self._look_up(visit, client, wanted)
        if not visit.is_over:
            visit.note(
                "rights_unseen",
                "unknown",
                "whether sales entries may be written cannot be seen without writing",
                "The user who gave consent needs the right to book sales entries in this division.",
            )

    def _look_up(self, visit: Visit, client: ExactClient, wanted: BooksWanted) -> None:
        named = (
            ("journals", {"journals": wanted.journals}),
            ("VAT codes", {"vat_codes": wanted.vat_codes}),
            ("ledger accounts", {"ledger_accounts": wanted.ledger_accounts}),
            ("customers", {"customers": wanted.customers}),
        )
        for what, names in named:
            (values,) = names.values()
            if not values:
                continue
            wrong = visit.ask(f"read {what}", partial(client.check_connection, **names))
            for problem in wrong or ():
                visit.note(
                    "books_name_unknown",
                    "fail",
                    problem,
                    "Mend it in the settings, or make it in Exact.",
                    said=problem,
                )
            if wrong == []:
                message = f"all {len(values)} {what} of the settings exist in Exact"
                visit.note("books_names_exist", "ok", message, what=what, count=len(values))
