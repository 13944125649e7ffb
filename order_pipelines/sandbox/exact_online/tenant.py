"""One account: an app registration with its user, the division it may write to, and what was counted."""

import random
from datetime import datetime
from typing import Any

from order_pipelines.sandbox.exact_online import masterdata, schema
from order_pipelines.sandbox.exact_online.books import Books
from order_pipelines.sandbox.exact_online.edm import Row
from order_pipelines.sandbox.exact_online.limits import CallLimits, ErrorBudget
from order_pipelines.sandbox.exact_online.tokens import TokenDesk
from order_pipelines.sandbox.exact_online.wire import dutch_wall_time, money_text

RELAXED_FACTOR = 1_000


class Tenant:
    """Everything that belongs to one account. ``index`` (0, 1, …) fixes its guids and division number."""

    def __init__(self, account: str, index: int, seed: int, *, relaxed: bool) -> None:
        randomness = random.Random(f"{seed}:{account}")
        factor = RELAXED_FACTOR if relaxed else 1
        self.account = account
        self.index = index
        self.division = masterdata.division_code(index)
        self.holding = self.division + 1
        self.current_division = self.division
        self.desk = TokenDesk(
            f"{index + 1:08d}-c11e-4000-8000-000000000001", f"secret-{account}-{seed}", randomness, factor
        )
        self.books = Books(index, self.division, randomness)
        self.limits = CallLimits(factor)
        self.budget = ErrorBudget()
        self.writes: list[dict[str, Any]] = []

    def me(self, now: datetime) -> Row:
        """Return the user as ``current/Me`` shows it; the server's time is Dutch wall time."""
        wall_time = dutch_wall_time(now)
        offset_s = round((wall_time - now.replace(tzinfo=None)).total_seconds() / 3600) * 3600
        return schema.ME.blank(
            UserID=masterdata.guid(self.index, "000000000001"),
            CurrentDivision=self.current_division,
            AccountingDivision=self.division,
            FullName="Boekhouding Voorbeeld",
            UserName=f"boekhouding@{self.account}.example",
            Email=f"boekhouding@{self.account}.example",
            Language="NL",
            LanguageCode="nl-NL",
            ServerTime=wall_time.isoformat(timespec="seconds"),
            ServerUtcOffset=offset_s,
        )

    def describe(self, base_url: str, now: datetime) -> dict[str, Any]:
        """Return what a client must be told: addresses, credentials, division and the codes of its books."""
        return {
            "system": "exact_online",
            "account": self.account,
            "base_url": base_url,
            "auth_url": f"{base_url}/api/oauth2/auth",
            "token_url": f"{base_url}/api/oauth2/token",
            "division": self.division,
            "credentials": {
                "client_id": self.desk.client_id,
                "client_secret": self.desk.client_secret,
                "refresh_token": self.desk.unused_refresh_token(now),
            },
            "journals": {name: values[0] for name, values in masterdata.JOURNALS.items()},
            "gl_accounts": masterdata.gl_account_guids(self.index),
            "vat_codes": {name: values[0].strip() for name, values in masterdata.VAT_CODES.items()},
            "customers": masterdata.customer_guids(self.index),
            "payment_conditions": {name: values[0] for name, values in masterdata.PAYMENT_CONDITIONS.items()},
        }

    def state(self, now: datetime) -> dict[str, Any]:
        """Return what was booked and what was counted, amounts as text with two places."""
        entries = [self._entry_state(row) for row in self.books.tables[schema.SALES_ENTRY.path]]
        by_reference: dict[str, list[str]] = {}
        for entry in entries:
            if entry["your_ref"]:
                by_reference.setdefault(entry["your_ref"], []).append(entry["entry_id"])
        return {
            "system": "exact_online",
            "account": self.account,
            "division": self.division,
            "entries": entries,
            "duplicates_by_your_ref": {ref: ids for ref, ids in by_reference.items() if len(ids) > 1},
            "customers": [
                {"id": row["ID"], "code": row["Code"].strip(), "name": row["Name"], "status": row["Status"]}
                for row in self.books.tables[schema.ACCOUNT.path]
            ],
            **self.desk.state(now),
            "writes": list(self.writes),
            "calls_per_minute": dict(self.limits.calls),
            "calls_refused_per_minute": dict(self.limits.refused),
            "blocked_endpoints": self.budget.blocked(now),
        }

    def _entry_state(self, row: Row) -> dict[str, Any]:
        _, lines = self.books.children("SalesEntryLines", row)
        return {
            "entry_id": row["EntryID"],
            "entry_number": row["EntryNumber"],
            "your_ref": row["YourRef"],
            "amount_fc": money_text(row["AmountFC"]),
            "vat_amount_fc": money_text(row["VATAmountFC"]),
            "currency": row["Currency"],
            "entry_date": row["EntryDate"].date().isoformat(),
            "journal": row["Journal"],
            "customer": row["Customer"],
            "description": row["Description"],
            "payment_reference": row["PaymentReference"],
            "type": row["Type"],
            "lines": [
                {
                    "gl_account": line["GLAccount"],
                    "amount_fc": money_text(line["AmountFC"]),
                    "vat_code": (line["VATCode"] or "").strip() or None,
                    "vat_amount_fc": money_text(line["VATAmountFC"]),
                    "description": line["Description"],
                }
                for line in lines
            ],
        }
