"""A shop with two bol accounts, a Mirakl operator, a Shopware shop and the books, to be examined."""

import pytest

from order_pipelines.domain.findings import Finding
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.doctor import AccountReport, Diagnosis, examine
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld

BLOKKER, WEBSHOP, EXACT = "blokker", "webshop", "exact"
EVERYBODY = (MAIN, OUTLET, EXACT, BLOKKER, WEBSHOP)
PATIENT_S = 120.0


def more_accounts(sandbox: Sandbox, patch: pytest.MonkeyPatch) -> str:
    """Return the settings of the operator and the shop, and put their secrets into the environment."""
    rows = {row["account"]: row for row in sandbox.systems()}
    patch.setenv("BLOKKER_KEY", rows[BLOKKER]["credentials"]["api_key"])
    patch.setenv("WEBSHOP_ID", rows[WEBSHOP]["credentials"]["client_id"])
    patch.setenv("WEBSHOP_SECRET", rows[WEBSHOP]["credentials"]["client_secret"])
    common = 'mode = "live"\neffective_from = 2026-01-01\nships_from = "main"\nserves = ["main"]\n'
    return f"""
[accounts.blokker]
system = "mirakl"
{common}base_url = "{rows[BLOKKER]["base_url"]}"
[accounts.blokker.secrets]
api_key = "BLOKKER_KEY"
[accounts.blokker.options]
history_days = 10
[accounts.webshop]
system = "shopware"
{common}base_url = "{rows[WEBSHOP]["base_url"]}"
[accounts.webshop.secrets]
client_id = "WEBSHOP_ID"
client_secret = "WEBSHOP_SECRET"
"""


def examined(world: ShopWorld, account: str | None = None, timeout_s: float = PATIENT_S) -> Diagnosis:
    return examine(world.shop, account=account, timeout_s=timeout_s)


def report_of(found: Diagnosis, account: str) -> AccountReport:
    (report,) = [one for one in found.accounts if one.visit.account == account]
    return report


def findings_of(found: Diagnosis, account: str) -> dict[str, Finding]:
    """The findings of an account by code; of several with one code the last."""
    return {finding.code: finding for finding in report_of(found, account).visit.findings}


def failures_of(found: Diagnosis, account: str) -> set[str]:
    """Codes of what fails at an account, apart from offers, which the sandbox spoils on purpose."""
    return {
        finding.code
        for finding in report_of(found, account).visit.findings
        if finding.severity == "fail" and finding.code != "offers_without_product"
    }


def writes_outside(world: ShopWorld) -> dict[str, list[object]]:
    """Every write that any stand-in received."""
    sandbox = world.sandbox
    states = {
        MAIN: sandbox.bol.state(MAIN),
        OUTLET: sandbox.bol.state(OUTLET),
        BLOKKER: sandbox.mirakl.state(BLOKKER),
        WEBSHOP: sandbox.shopware.state(WEBSHOP),
        EXACT: sandbox.exact_online.state(EXACT),
    }
    return {name: list(state["writes"]) for name, state in states.items()}


NOTHING: dict[str, list[object]] = {name: [] for name in (MAIN, OUTLET, BLOKKER, WEBSHOP, EXACT)}


def change_account(world: ShopWorld, name: str, **changes: object) -> None:
    """Change the settings of one account from here on."""
    settings = world.shop.settings
    accounts = {**settings.accounts, name: settings.accounts[name].model_copy(update=changes)}
    world.shop.settings = settings.model_copy(update={"accounts": accounts})
