"""``order-pipelines doctor`` as a person types it: exit codes, JSON, the page, and nothing that it must not show."""

import json
import re
from pathlib import Path

import pytest

from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.cli.person import Typing
from order_pipelines_tests.services.html_page import Page

_HEAD = "sku;naam;ean;btw;leverancier;e-mail leverancier;besteleenheid;korte omschrijving"
_EMAIL = "piet.de.boer@leverancier.example"


def _rewrite(shop: Typing, before: str, after: str) -> None:
    text = shop.settings.read_text(encoding="utf-8")
    assert before in text
    shop.settings.write_text(text.replace(before, after, 1), encoding="utf-8")


def _master(shop: Typing, *rows: str) -> None:
    (shop.settings.parent / "eigen.csv").write_text("\n".join((_HEAD, *rows)) + "\n", encoding="utf-8")
    _rewrite(shop, 'file = "products.csv"', 'file = "eigen.csv"')


def _page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_a_shop_that_is_not_ready_ends_with_1_and_says_why(shop: Typing) -> None:
    result = shop.run("doctor")
    assert result.exit_code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "bol_main (bol, live)" in lines
    assert "ok credentials work, with a token asked for now" in lines
    assert any(line.startswith("fail 2 offers whose article is in no product: EAN") for line in lines)
    assert any(line.startswith("earliest order 2") for line in lines)
    assert any(line.startswith("fail Every supplier has an e-mail address. 17 17") for line in lines)
    assert re.fullmatch(r"\d+ fail, \d+ warn, \d+ unknown, \d+ ok; 1 of 4 checks passed", lines[-1])
    assert result.stderr == ""
    for account in ("bol_main", "bol_outlet"):
        assert shop.sandbox.bol.state(account)["writes"] == []
    assert shop.sandbox.exact_online.state("exact")["writes"] == []


def test_a_shop_that_is_ready_ends_with_0(shop: Typing) -> None:
    _rewrite(shop, "[products]\n", "[products]\nchecks = []\n")
    result = shop.run("doctor", "--account", "exact")
    assert result.exit_code == 0, result.output
    assert "0 fail" in result.stdout


def test_one_failing_account_ends_with_1_and_names_the_others_too(shop: Typing) -> None:
    _rewrite(shop, "[products]\n", "[products]\nchecks = []\n")
    shop.environment["EXACT_CLIENT_SECRET"] = "not-the-secret"
    result = shop.run("doctor", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    codes = {one["account"]: {each["code"] for each in one["findings"]} for one in found["accounts"]}
    assert "credentials_refused" in codes["exact"]
    assert "credentials_work" in codes["bol_main"]
    assert "not-the-secret" not in result.output


def test_json_holds_the_figures_and_nothing_else_is_printed(shop: Typing, tmp_path: Path) -> None:
    page = tmp_path / "doctor.html"
    result = shop.run("doctor", "--json", "--html", str(page))
    found = json.loads(result.stdout)
    assert (found["severity"], found["offline"]) == ("fail", False)
    bol = next(one for one in found["accounts"] if one["account"] == "bol_main")
    assert bol["history"]["orders"] == 25
    assert bol["history"]["calls"]["GET /orders/*"] == 25
    assert bol["limits"][0] == {
        "group": "GET /orders",
        "calls": 25,
        "per_s": 60.0,
        "source": "bol, retailer/public/ratelimits, stored copy read 2026-03",
    }
    assert bol["offers"]["offers"] == 62
    assert [(one["name"], one["passed"]) for one in found["preflight"]] == [
        ("every_product_has_a_supplier", True),
        ("every_supplier_has_an_email", False),
        ("stock_is_correct", False),
        ("every_product_has_an_order_multiple", False),
    ]
    fields = {one["name"]: (one["filled"], one["good"], one["score"]) for one in found["quality"]["fields"]}
    assert fields["name"] == (62, 62, "100.0")
    assert fields["photos"] == (0, 0, "0.0")
    assert page.is_file()
    assert result.stderr.strip() == f"wrote {page}"


def test_offline_needs_no_system(shop: Typing) -> None:
    shop.sandbox.bol.faults.add(Fault("500", count=None, rate=1.0))
    result = shop.run("doctor", "--offline", "--account", "bol_main")
    assert "not visited (--offline)" in result.stdout
    assert shop.sandbox.bol.state("bol_main")["calls"] == {}


def test_the_page_says_in_dutch_what_was_found_and_asks_for_nothing(shop: Typing, tmp_path: Path) -> None:
    target = tmp_path / "doctor.html"
    assert shop.run("doctor", "--html", str(target)).exit_code == 1
    page = _page(target)
    assert set(page.sections) >= {
        "oordeel",
        "account-bol_main",
        "account-exact",
        "stam",
        "controles",
        "geld",
        "blokkades",
    }
    assert page.said("oordeel").startswith("Oordeel: niet in orde")
    bol = page.sections["account-bol_main"].rows
    assert ["in orde", "Inloggegevens werken, met een nu opgevraagd token", ""] in bol
    assert ["Orders", "25"] in bol
    assert ["GET /orders", "25 per 60 s", "bol, retailer/public/ratelimits, stored copy read 2026-03"] in bol
    names = [row[0] for row in page.sections["stam"].rows]
    assert {"Naam", "Foto's (minstens 2)", "E-mail van leverancier"} <= set(names)
    row = next(row for row in page.sections["stam"].rows if row[0] == "Naam")
    assert row[1:6] == ["100,0 %", "15", "62", "62", "0"]
    assert "17 van 17 niet in orde" in page.said("controles")
    links = [
        value
        for _, found in page.elements
        for name, value in found.items()
        if name in {"href", "src", "action", "data"}
    ]
    assert links
    assert all(value is not None and value.startswith("#") for value in links)
    assert {"script", "img", "link", "iframe"}.isdisjoint(tag for tag, _ in page.elements)


def test_what_comes_from_outside_is_text_on_the_page_and_no_address_or_secret_is_on_it(
    shop: Typing, tmp_path: Path
) -> None:
    evil = "<script>alert('1')</script><img src=x onerror=a>"
    _master(
        shop,
        f"{evil};AB1;8712345000012;{evil};{evil};{_EMAIL};0;kort",
        f"KEU-1001;Koekenpan;;high;De Linde;geen-adres van Piet;;{_EMAIL}",
    )
    target = tmp_path / "doctor.html"
    result = shop.run("doctor", "--html", str(target))
    assert result.exit_code == 1
    page = _page(target)
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.elements)
    assert evil in page.text
    shown = target.read_text(encoding="utf-8") + result.output + shop.run("doctor", "--json").output
    assert _EMAIL not in shown
    assert "geen-adres van Piet" not in shown
    secrets = [
        value
        for name, value in shop.environment.items()
        if re.search("SECRET|KEY|TOKEN|CLIENT_ID|_ID$", name)
    ]
    assert secrets
    assert [value for value in secrets if value in shown] == []


def test_markup_of_a_terminal_is_not_obeyed(shop: Typing) -> None:
    _master(shop, "[red]A[/red];\x1b[31mrood en lang genoeg;;high;De Linde;;;")
    result = shop.run("doctor", "--offline")
    assert "\x1b[31m" not in result.stdout
    assert "[red]A[/red]" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--account", "bol"), "no account is called 'bol'"),
        (("--timeout", "0"), "0.0 is not in the range"),
    ],
)
def test_a_mistyped_option_is_said_in_one_line(shop: Typing, arguments: tuple[str, ...], said: str) -> None:
    result = shop.run("doctor", *arguments)
    assert result.exit_code in {1, 2}
    assert said in result.stderr
