"""The endpoints of Exact Online that are used, and what each answer means.

Status codes mislead here: business refusals are 500 with a JSON body, so only a 500 without one is worth repeating.
"""

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from order_pipelines.connectors.exact_online import limits, odata
from order_pipelines.connectors.exact_online.options import SYSTEM, endpoint_of, secret_of
from order_pipelines.connectors.exact_online.payloads import sales_entry_body
from order_pipelines.connectors.exact_online.tokens import TokenKeeper
from order_pipelines.connectors.http import Answer, ApiSession, redact_path
from order_pipelines.connectors.ports import Account, BookedEntry, House, SalesEntry
from order_pipelines.errors import ConnectorError, PermanentConnectorError, TransientConnectorError
from order_pipelines.money import round_to_cents

SALES_ENTRIES = "salesentry/SalesEntries"
_BUDGET_GROUP = "calls"
_SALES_JOURNAL_TYPE = 20
_MAX_PAGES = 200
_LONGEST_ID = 100
_OK = range(200, 300)


class ExactClient:
    """One division of one account: finds and books sales entries."""

    def __init__(self, account: Account, house: House) -> None:
        endpoint = endpoint_of(account)
        self._account = account
        self._house = house
        self._division = endpoint.division
        self._root = f"/api/v1/{endpoint.division}"
        self._error_key = (endpoint.base_url, secret_of(account, "client_id"), str(endpoint.division))
        self._session = ApiSession(
            SYSTEM,
            account.name,
            endpoint.base_url,
            house.budget,
            deadline=house.deadline,
            secrets=account.secrets.values(),
        )
        self._tokens = TokenKeeper(account, house, endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the connections."""
        self._session.close()
        self._tokens.close()

    def find_entries(self, reference: str) -> list[BookedEntry]:
        """Return all entries whose ``YourRef`` is exactly ``reference``, blanks around it aside.

        Two rows mean that somebody booked twice: both are returned, never a choice of one.

        Raises:
            TransientConnectorError, PermanentConnectorError, ConsentNeededError: the search did not end well.
        """
        rows = self.list_rows(
            SALES_ENTRIES,
            {
                "$select": "EntryID,EntryNumber,AmountFC,YourRef",
                "$filter": f"YourRef eq {odata.text_literal(reference)}",
            },
        )
        try:
            return [
                _booked(row, reference)
                for row in rows
                if odata.trimmed(row.get("YourRef")) == reference.strip() and row.get("EntryID")
            ]
        except ValueError as error:
            raise self._error(
                TransientConnectorError,
                "GET",
                SALES_ENTRIES,
                f"answered with no entry that can be one ({error})",
            ) from None

    def post_entry(self, entry: SalesEntry) -> BookedEntry:
        """Book one entry. There is no idempotency key: search for the reference before, and after any doubt.

        Raises:
            TransientConnectorError: with ``maybe_acted`` when the entry may exist nevertheless.
            PermanentConnectorError: refused, with the books' own words, or not sendable; nothing was booked.
            ConsentNeededError: nothing was sent.
        """
        answer = self._call(SALES_ENTRIES, "POST", f"{self._root}/{SALES_ENTRIES}", sales_entry_body(entry))
        try:
            row = odata.read_row(answer.body)
            return _booked(row, entry.reference)
        except (ValueError, KeyError):
            raise self._error(
                TransientConnectorError,
                "POST",
                SALES_ENTRIES,
                f"answered {answer.status} with a body that names no entry; search before repeating",
                status=answer.status,
                maybe_acted=True,
            ) from None

    def check_connection(
        self,
        *,
        journals: Collection[str] = (),
        ledger_accounts: Collection[str] = (),
        vat_codes: Collection[str] = (),
        customers: Collection[str] = (),
    ) -> list[str]:
        """Return what is wrong with the settings as seen in the books, one sentence each; empty when all is well.

        ``ledger_accounts`` and ``customers`` are ids (guid), ``journals`` and ``vat_codes`` codes. Ids are looked up
        by filter and never by address: a wrong one there would count in the vendor's error budget.

        Raises:
            TransientConnectorError, PermanentConnectorError, ConsentNeededError: a question could not be asked.
        """
        listed = self.list_rows("system/Divisions", {"$select": "Code"})
        divisions = {code for row in listed if isinstance(code := row.get("Code"), int | str)}
        if self._division not in divisions:
            return [
                f"division {self._division} is not among those this consent may use: {_listing(divisions)}"
            ]
        problems: list[str] = []
        if journals:
            known = {
                odata.trimmed(row.get("Code")): row.get("Type")
                for row in self.list_rows("financial/Journals", {"$select": "Code,Type"})
            }
            for code in sorted(journals):
                if code not in known:
                    problems.append(f"journal {code!r} does not exist")
                elif known[code] != _SALES_JOURNAL_TYPE:
                    problems.append(f"journal {code!r} is no sales journal (type {_SALES_JOURNAL_TYPE})")
        if vat_codes:
            types = {
                odata.trimmed(row.get("Code")): row.get("Type")
                for row in self.list_rows("vat/VATCodes", {"$select": "Code,Type"})
            }
            for code in sorted(vat_codes):
                if code not in types:
                    problems.append(f"VAT code {code!r} does not exist")
                elif types[code] == "I":
                    problems.append(
                        f"VAT code {code!r} is for amounts including VAT; entries need one excluding"
                    )
        problems += self._unknown_ids("ledger account", "financial/GLAccounts", ledger_accounts)
        problems += self._unknown_ids("customer", "crm/Accounts", customers)
        return problems

    def _unknown_ids(self, what: str, resource: str, ids: Collection[str]) -> list[str]:
        problems = []
        for one in sorted(ids):
            if not odata.is_guid(one):
                problems.append(f"{what} {one!r} must be its id (guid), not its code")
            elif not self.list_rows(
                resource, {"$select": "ID", "$filter": f"ID eq {odata.guid_literal(one)}"}
            ):
                problems.append(f"{what} {one} does not exist")
        return problems

    def list_rows(self, resource: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the rows of all pages; ``__next`` is followed verbatim.

        Raises:
            TransientConnectorError, PermanentConnectorError, ConsentNeededError: the reading did not end well.
        """
        rows: list[dict[str, Any]] = []
        # Our own encoding, so that blanks become %20: '+' is a plus sign in the path grammar some servers keep.
        url: str | None = f"{self._root}/{resource}?{urlencode(query, safe='$,').replace('+', '%20')}"
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= _MAX_PAGES:
                raise self._error(PermanentConnectorError, "GET", resource, "gave pages without end")
            seen.add(url)
            answer = self._call(resource, "GET", url)
            try:
                page, url = odata.read_rows(answer.body)
            except ValueError as error:
                # A truncated body or a page for people (planned maintenance): reading again harms nobody.
                raise self._error(
                    TransientConnectorError,
                    "GET",
                    resource,
                    f"answered {answer.status} with something else than rows ({error})",
                    status=answer.status,
                ) from None
            rows += page
        return rows

    def _call(self, resource: str, method: str, url: str, body: bytes | None = None) -> Answer:
        """Return a good answer to one call; a 401 brings one new token and one repetition."""
        key = (*self._error_key, resource)
        self._stop_before_the_block(key, method, resource)
        token = self._tokens.access_token()
        answer = self._send(key, method, url, token, body)
        if answer.status == 401:
            answer = self._send(key, method, url, self._tokens.replace(token), body)
        if answer.status in _OK:
            return answer
        raise self._refusal(answer, method, resource)

    def _send(self, key: tuple[str, ...], method: str, url: str, token: str, body: bytes | None) -> Answer:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Prefer": "return=representation"}
        answer = self._session.send(method, url, group=_BUDGET_GROUP, headers=headers, body=body)
        limits.WRONG_CALLS.note(key, answer.status)
        if answer.status == 429:
            self._house.budget.refuse(_BUDGET_GROUP, retry_after_s=limits.wait_after_429(answer.headers))
        else:
            limits.learn(self._house.budget, _BUDGET_GROUP, answer.headers)
        return answer

    def _stop_before_the_block(self, key: tuple[str, ...], method: str, resource: str) -> None:
        wait_s = limits.WRONG_CALLS.wait_s(key)
        if wait_s is None:
            return
        # Transient on purpose: this call may be right, the ones before it were wrong. It can go out later.
        raise self._error(
            TransientConnectorError,
            method,
            resource,
            f"not sent: {limits.WRONG_CALLS_ALLOWED} calls there were refused within the hour and two more would "
            "block the endpoint; mend what the refusals say, calls resume by themselves",
            vendor_code="error_budget",
            retry_after_s=wait_s,
        )

    def _refusal(self, answer: Answer, method: str, resource: str) -> ConnectorError:
        status = answer.status
        words = odata.error_text(answer.body)
        words = None if words is None else self._session.plain(words)
        said = f"answered {status} ({words or 'no reason given'})"
        if status == 429:
            wait_s = limits.wait_after_429(answer.headers)
            return self._error(
                TransientConnectorError, method, resource, said, status=status, retry_after_s=wait_s
            )
        # 500 with Exact's own error JSON is a rule of the books ("Gegeven bestaat reeds."), not a breakdown.
        if status == 408 or (status >= 500 and not (status == 500 and words is not None)):
            return self._error(
                TransientConnectorError,
                method,
                resource,
                f"{said}; search before repeating" if method != "GET" else said,
                status=status,
                maybe_acted=method != "GET",
            )
        return self._error(
            PermanentConnectorError,
            method,
            resource,
            f"{said}; {_advice(status)}",
            status=status,
            vendor_code=words,
        )

    def _error(
        self,
        kind: type[ConnectorError],
        method: str,
        resource: str,
        what: str,
        *,
        status: int | None = None,
        vendor_code: str | None = None,
        retry_after_s: float | None = None,
        maybe_acted: bool = False,
    ) -> ConnectorError:
        path = redact_path(f"{self._root}/{resource}")
        return kind(
            f"{SYSTEM} {method} {path} for {self._account.name}: {what}",
            system=SYSTEM,
            method=method,
            path=path,
            status=status,
            vendor_code=vendor_code,
            retry_after_s=retry_after_s,
            maybe_acted=maybe_acted,
        )


def _booked(row: Mapping[str, Any], reference: str) -> BookedEntry:
    number, amount = row.get("EntryNumber"), odata.read_amount(row.get("AmountFC"))
    entry_id = row["EntryID"]
    if not isinstance(entry_id, str) or len(entry_id) > _LONGEST_ID or not entry_id.isprintable():
        raise ValueError("EntryID is no id")
    return BookedEntry(
        entry_id=entry_id,
        entry_number=odata.read_number(number),
        reference=odata.trimmed(row.get("YourRef")) or reference,
        # Edm.Double: 29.99 may come as 29.990000000000002.
        amount_incl_vat=None if amount is None else round_to_cents(amount),
    )


def _advice(status: int) -> str:
    if status == 401:
        return "a new token did not help; check the app registration"
    if status == 403:
        return "give the user of this consent the right in this division"
    if status == 500:
        return "mend the settings or the master data in Exact and try again"
    return "the call itself is wrong; it is not repeated"


def _listing(values: set[Any]) -> str:
    return ", ".join(sorted(str(value) for value in values)) or "none"
