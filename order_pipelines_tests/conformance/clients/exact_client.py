"""The work of exactonline: consent, divisions, debtors, ledger, VAT codes, sales entries, new tokens."""

import configparser
import time
import urllib.parse
import urllib.request
from datetime import date
from typing import Any

from exactonline import rawapi  # type: ignore[import-not-found]
from exactonline.api import ExactApi  # type: ignore[import-not-found]
from exactonline.elements.invoice import ExactInvoice  # type: ignore[import-not-found]
from exactonline.elements.relation import ExactCustomer  # type: ignore[import-not-found]
from exactonline.exceptions import ObjectDoesNotExist  # type: ignore[import-not-found]
from exactonline.http import HTTPError  # type: ignore[import-not-found]
from exactonline.resource import GET  # type: ignore[import-not-found]
from exactonline.storage.ini import IniStorage  # type: ignore[import-not-found]
from outside import control, given, pass_time, refusal, tell  # type: ignore[import-not-found]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The person's browser ends at the shop, which is not there."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


class Customer(ExactCustomer):  # type: ignore[misc]
    """A wholesale customer, as a user of the client writes one."""

    def get_code(self) -> str:
        return "4711"

    def get_name(self) -> str:
        return "Theehuis Bij de Sluis"

    def get_address(self) -> dict[str, str]:
        return {"City": "Zwolle"}

    def assemble(self) -> dict[str, Any]:
        # The client's own default is a payment condition "15", which not every administration has.
        sent: dict[str, Any] = super().assemble()
        return sent | {"PaymentConditionSales": "30"}


class Invoice(ExactInvoice):  # type: ignore[misc]
    """A sale of 121.00 with 21 % VAT, as a user of the client writes one."""

    def get_customer(self) -> Customer:
        return Customer(api=self._api)

    def get_created_date(self) -> date:
        return date.fromisoformat(given["today"])

    def get_exact_journal(self) -> str:
        return "70"

    def get_ledger_lines(self) -> list[dict[str, Any]]:
        return [
            {"code": "8000", "vat_percentage": 21, "total_amount_excl_vat": "100.00", "description": "Thee"}
        ]

    def get_invoice_number(self) -> str:
        return "CLIENT-1"

    def get_total_amount_incl_vat(self) -> str:
        return "121.00"

    def get_total_vat(self) -> str:
        return "21.00"

    def hint_exact_invoice_number(self) -> None:
        return None


def _consent(api: ExactApi) -> str:
    """Do what the person in the browser does: go to the address, agree, come back with a code."""
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        opener.open(api.create_auth_request_url(), timeout=20)
    except urllib.request.HTTPError as moved:
        return urllib.parse.parse_qs(urllib.parse.urlsplit(moved.headers["Location"]).query)["code"][0]
    raise AssertionError("nobody was sent back")


def main() -> None:
    """Do every method that the stand-in offers, and print what came of it."""
    row = given["row"]
    rawapi.opt_secure.protocols = ("http", "https")
    storage = IniStorage(given["ini"])
    storage.set("server", "auth_url", row["auth_url"])
    storage.set("server", "rest_url", f"{row['base_url']}/api")
    storage.set("server", "token_url", row["token_url"])
    storage.set("application", "base_url", "https://winkel.example/exact")
    storage.set("application", "client_id", row["credentials"]["client_id"])
    storage.set("application", "client_secret", row["credentials"]["client_secret"])
    api = ExactApi(storage=storage)
    got: dict[str, Any] = {}

    api.request_token(_consent(api))
    divisions, current = api.get_divisions()
    got["divisions"] = [sorted(divisions), current]
    api.set_division(current)

    got["ledger"] = len(api.ledgeraccounts.all())
    got["ledger by code"] = sorted(
        one["Code"] for one in api.ledgeraccounts.filter(code__in=["8000", "8010"])
    )
    got["journals"] = sorted(one["Code"] for one in api.restv1(GET("financial/Journals?$select=Code")))
    got["vat codes"] = len(api.vatcodes.all())
    got["vat"] = [[one["Code"], one["Percentage"]] for one in api.vatcodes.filter(vat_code="2  ")]
    got["debtor"] = [one["Name"] for one in api.relations.filter(relation_code="100")]
    got["no debtor"] = refusal(lambda: api.relations.get(relation_code="4711"), ObjectDoesNotExist)

    invoice = Invoice(api=api)
    created = invoice.commit()
    got["created"] = [created["YourRef"], created["Journal"], created["AmountFC"]]
    customer = api.relations.get(relation_code="4711", select="ID,Name,City")
    Customer(api=api).commit()
    api.relations.update(customer["ID"], {"City": "Deventer"})
    changed = api.relations.get(relation_code="4711", select="Name,City")
    got["customer"] = [changed["Name"], changed["City"]]
    read = api.invoices.get(invoice_number="CLIENT-1")
    got["lines"] = [
        [one["Description"], one["AmountFC"], one["VATAmountFC"]] for one in read["SalesEntryLines"]
    ]
    got["numbers"] = list(api.invoices.map_foreign2exact_invoice_numbers(["CLIENT-1", "CLIENT-2"]))
    got["by period"] = len(api.invoices.filter(reporting_period=date.fromisoformat(given["today"])))

    made = {key: value for key, value in invoice.assemble().items() if key != "InvoiceNumber"}
    for number in range(2, 132):
        api.invoices.create(made | {"YourRef": f"CLIENT-{number}"})
    got["paging"] = len({one["YourRef"] for one in api.invoices.filter(select="YourRef")})
    got["refused"] = refusal(lambda: api.invoices.create(made | {"Journal": "99"}), HTTPError)

    # Nine and a half minutes later the token has less than 30 s left, and is exchanged before the next call.
    before = [storage.get_access_token(), storage.get_refresh_token()]
    pass_time(580)
    storage.set_access_expiry(int(time.time()) + 20)
    got["after a new token"] = len(api.vatcodes.all())
    after = [storage.get_access_token(), storage.get_refresh_token()]
    # And when the other side has dropped the token, after a 401.
    control("POST", "/faults", {"system": "exact_online", "kind": "expire_token"})
    got["after a 401"] = len(api.vatcodes.all())
    last = [storage.get_access_token(), storage.get_refresh_token()]
    got["tokens are new"] = len({*before, *after, *last})
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(given["ini"])
    got["kept"] = settings["transient"]["refresh_token"] == last[1]
    tell(got)


main()
