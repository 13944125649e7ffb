"""Rows to orders: what belongs together, what is no sale, and what a person must see."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from order_pipelines.domain.orders import StockCorrection, order_facts
from order_pipelines_tests.connectors.b2b_files.files import codes, read, read_order, table

NAMED = "order number;order date;customer number;country;sku;description;qty;price"


def test_rows_of_an_order_come_together_though_others_stand_between() -> None:
    meaning = read(
        table(
            NAMED,
            "A;2026-11-02 10:00;7;NL;X;x;1;1,50",
            "B;2026-11-02 10:01;8;BE;X;x;2;1,50",
            "A;2026-11-02 10:02;7;NL;Y;y;3;1,50",
            "C;2026-11-02 10:03;9;DE;X;x;4;1,50",
            "B;2026-11-02 10:04;8;BE;Z;z;5;1,50",
        )
    )
    assert [
        (
            order.external_order_id,
            order.ship_country,
            [(line.external_line_id, line.row, line.sku) for line in order.lines],
        )
        for order in meaning.orders
    ] == [
        ("A", "NL", [("1", 2, "X"), ("2", 4, "Y")]),
        ("C", "DE", [("1", 5, "X")]),
        ("B", "BE", [("1", 3, "X"), ("2", 6, "Z")]),
    ]
    first = meaning.orders[0]
    assert (first.ordered_at, first.changed_at) == (
        datetime(2026, 11, 2, 9, 0, tzinfo=UTC),
        datetime(2026, 11, 2, 9, 2, tzinfo=UTC),
    )
    assert meaning.rows_read == 5


def test_the_facts_of_an_order_are_those_of_the_file_and_no_others() -> None:
    order = read_order(table(NAMED, "A;2026-11-02 10:00;17850.0;Nederland;X;Jas ;2;1,50"), currency="EUR")
    facts = order_facts(order)
    assert order.customer_number == "17850"
    assert facts == {
        "external_order_id": "A",
        "order_number": "A",
        "ordered_at": "2026-11-02T09:00:00Z",
        "currency": "EUR",
        "ship_country": "NL",
        "bill_country": None,
        "channel": "b2b",
        "buyer": {
            "name": None,
            "email": None,
            "phone": None,
            "company": None,
            "vat_id": None,
            "is_business": None,
        },
        "lines": [
            {
                "external_line_id": "1",
                "sku": "X",
                "ean": None,
                "title": "Jas",
                "quantity": 2,
                "quantity_cancelled": None,
                "quantity_shipped": None,
                "quantity_refunded": None,
                "unit_price_incl_vat": None,
                "line_discount_incl_vat": None,
                "line_total_incl_vat": None,
                "vat_rate": None,
                "commission": None,
                "row": 2,
                "unit_price_excl_vat": "1.50",
                "line_total_excl_vat": "3.00",
            }
        ],
        "shipping_cost_incl_vat": None,
        "order_discounts": None,
        "order_total_incl_vat": None,
        "order_total_current_incl_vat": None,
        "refunded_total_incl_vat": None,
        "commission_total": None,
        "cancelled_quantity_total": None,
        "refunded_quantity_total": None,
        "payment_status": "unpaid",
        "order_status": "open",
        "fulfilment_status": "not_shipped",
        "stock_effect": {"X": -2},
        "counts_in_revenue": True,
        "own_fulfilment": True,
        "must_flag": [],
    }


def test_an_order_without_number_is_named_by_its_file_and_content() -> None:
    body = table("sku;aantal", "JAS-1;2")
    assert read_order(body, "Bestelling mei.csv").external_order_id == "Bestelling-mei-3813d33f"
    assert read_order(body, "map/Bestelling mei.csv").external_order_id == "Bestelling-mei-3813d33f"
    other = table("sku;aantal", "JAS-1;3")
    assert read_order(other, "Bestelling mei.csv").external_order_id == "Bestelling-mei-0a034c9e"


def test_order_numbers_may_be_unique_per_customer_only() -> None:
    body = table(NAMED, "1001;2026-11-02;7;NL;X;x;1;1,50", "1001;2026-11-02;8;NL;X;x;2;1,50")
    (order,) = read(body).orders
    assert codes(order) == ["conflicting_values"]
    orders = read(body, order_numbers_unique_per="customer").orders
    assert [(order.external_order_id, order.order_number, codes(order)) for order in orders] == [
        ("7/1001", "1001", []),
        ("8/1001", "1001", []),
    ]


def test_identical_rows_stay_lines() -> None:
    order = read_order(table(NAMED, *["A;2026-11-02;7;NL;X;x;1;1,50"] * 3))
    assert [(line.external_line_id, line.row) for line in order.lines] == [("1", 2), ("2", 3), ("3", 4)]
    assert order.stock_effect() == {"X": -3}
    assert order.order_total_excl_vat == Decimal("4.50")


def test_line_numbers_of_the_file_are_kept_and_made_unique() -> None:
    order = read_order(table("po;regel;sku;aantal", "A;10;X;1", "A;20;Y;1", "A;20;Z;1"))
    assert [line.external_line_id for line in order.lines] == ["10", "20", "20-3"]


def test_a_row_that_names_no_order_is_rejected_and_the_others_go_on() -> None:
    meaning = read(table("po;sku;aantal", "A;X;1", ";Y;2", "B;Z;3", "Totaal;;6"))
    assert [order.external_order_id for order in meaning.orders] == ["A", "B"]
    assert [(reject.row, reject.problem.code, reject.problem.field) for reject in meaning.rejects] == [
        (3, "missing_field", "po")
    ]
    assert meaning.rows_read == 3


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ("A;2026-11-02;7;NL;;x;1;1,50", "missing_field", "sku"),
        ("A;2026-11-02;7;NL;Y;x;;1,50", "missing_field", "qty"),
        ("A;gisteren;7;NL;Y;x;1;1,50", "wrong_type", "order date"),
        ("A;2026-11-02;7;Atlantis;Y;x;1;1,50", "unknown_country", "country"),
        ("A;2026-11-02;7;NL;Y;x;1;veel", "wrong_type", "price"),
        ("A;2026-11-02;7;NL;1.23E+11;x;1;1,50", "ean_digits_lost", "sku"),
    ],
)
def test_one_bad_row_keeps_its_order_out_with_a_reason_and_not_the_next(
    row: str, code: str, field: str
) -> None:
    meaning = read(table(NAMED, "A;2026-11-02;7;NL;X;x;1;1,50", row, "B;2026-11-02;7;NL;X;x;1;1,50"))
    bad, good = meaning.orders
    assert [(problem.code, problem.field) for problem in bad.problems] == [(code, field)]
    assert bad.problems[0].reason.startswith(f"row 3, {field}: ")
    assert bad.lines[0].quantity == 1
    assert good.problems == ()


def test_catalogue_rows_without_pieces_are_not_ordered() -> None:
    order = read_order(table("sku;aantal;prijs", "A;;1,00", "B;0;1,00", "C;2;1,00"))
    assert [(line.sku, line.row) for line in order.lines] == [("C", 4)]


def test_a_file_without_any_line_is_refused() -> None:
    meaning = read(table("sku;aantal;prijs", "A;;1,00", "B;0;1,00"))
    assert meaning.orders == []
    assert meaning.rejects[0].problem.reason == (
        "bestelling.csv: no row below the header has both an article and a number of pieces"
    )
    meaning = read(table("sku;aantal;prijs"))
    assert meaning.rejects[0].problem.reason == "bestelling.csv: has a header but no row below it"


@pytest.mark.parametrize(
    ("name", "code"),
    [("België", "BE"), ("the Netherlands", "NL"), ("de", "DE"), ("UK", "GB"), ("EIRE", "IE")],
)
def test_countries_are_read_by_code_and_by_dutch_and_english_name(name: str, code: str) -> None:
    body = table(NAMED, f"A;2026-11-02;7;{name};X;x;1;1,50")
    assert read_order(body, country_names={"EIRE": "IE"}).ship_country == code


def test_a_name_known_to_be_no_country_is_unknown_and_no_problem() -> None:
    order = read_order(
        table(NAMED, "A;2026-11-02;7;Unspecified;X;x;1;1,50"), country_names={"Unspecified": ""}
    )
    assert (order.ship_country, order.problems) == (None, ())


@pytest.mark.parametrize(("written", "code"), [("EUR", "EUR"), ("€", "EUR"), ("gbp", "GBP")])
def test_a_currency_column_wins_over_the_settings(written: str, code: str) -> None:
    body = table("po;sku;aantal;valuta", f"A;X;1;{written}")
    assert read_order(body, currency="USD").currency == code


def test_an_unknown_currency_is_a_problem() -> None:
    order = read_order(table("po;sku;aantal;valuta", "A;X;1;XYZ"))
    assert (order.currency, codes(order)) == (None, ["unknown_currency"])


def test_a_credit_keeps_its_negative_pieces_and_amounts() -> None:
    order = read_order(table(NAMED, "C9;2026-11-02;7;NL;X;x;-2;1,50"), credit_prefix="C")
    assert (order.order_kind, order.problems) == ("credit", ())
    assert (order.lines[0].quantity, order.lines[0].line_total_excl_vat) == (-2, Decimal("-3.00"))
    assert order.stock_effect() == {"X": 2}


def test_negative_pieces_outside_a_credit_are_a_problem_even_at_price_zero() -> None:
    order = read_order(table(NAMED, "9;2026-11-02;7;NL;X;x;-2;0,00"))
    assert (codes(order), order.lines[0].quantity, order.stock_effect()) == (
        ["negative_quantity"],
        None,
        None,
    )


def test_a_company_and_its_vat_number_make_the_buyer_a_business() -> None:
    order = read_order(
        table("Klant;De Linde B.V.;", "BTW-nummer;NL123456782B90;", "sku;aantal;prijs", "X;1;1,50")
    )
    assert order.buyer is not None
    assert (order.buyer.company, order.buyer.vat_id, order.buyer.is_business) == (
        "De Linde B.V.",
        "NL123456782B90",
        True,
    )


UCI_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
UCI_ROWS = (
    "536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
    "536365,71053,WHITE METAL LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom",
    "536370,22728,ALARM CLOCK BAKELIKE PINK,24,2010-12-01 08:45:00,3.75,12583.0,France",
    "536370,POST,POSTAGE,3,2010-12-01 08:45:00,18.0,12583.0,France",
    "536370,22728,ALARM CLOCK BAKELIKE PINK,24,2010-12-01 08:45:00,3.75,12583.0,France",
    "536540,C2,CARRIAGE,1,2010-12-01 14:05:00,50.0,14911.0,EIRE",
    "536544,DOT,DOTCOM POSTAGE,1,2010-12-01 14:32:00,569.77,,United Kingdom",
    "536544,21773,DECORATIVE ROSE BATHROOM BOTTLE,1,2010-12-01 14:32:00,2.51,,United Kingdom",
    "C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom",
    "C536383,35004C,SET OF 3 COLOURED  FLYING DUCKS,-1,2010-12-01 09:49:00,4.65,15311.0,United Kingdom",
    "C537600,AMAZONFEE,AMAZON FEE,-1,2010-12-07 12:41:00,1.0,,United Kingdom",
    "536569,M,Manual,1,2010-12-01 15:35:00,1.25,16274.0,United Kingdom",
    "539736,m,Manual,1,2010-12-21 15:18:00,2.55,,United Kingdom",
    "536779,BANK CHARGES,Bank Charges,1,2010-12-02 15:08:00,15.0,15823.0,United Kingdom",
    "C564763,CRUK,CRUK Commission,-1,2011-08-30 10:49:00,1.6,14096.0,United Kingdom",
    "549684,S,SAMPLES,1,2011-04-11 13:24:00,30.0,,United Kingdom",
    "540238,gift_0001_20,Dotcomgiftshop Gift Voucher £20.00,1,2011-01-05 14:44:00,17.02,,United Kingdom",
    "550193,PADS,PADS TO MATCH ALL CUSHIONS,1,2011-04-15 09:27:00,0.001,13952.0,United Kingdom",
    "543358,DCGSSGIRL,GIRLS PARTY BAG,3,2011-02-07 14:04:00,3.29,,United Kingdom",
    "536589,21777,,-10,2010-12-01 16:50:00,0.0,,United Kingdom",
    "537032,21275,?,-30,2010-12-03 16:50:00,0.0,,United Kingdom",
    "536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom",
    "540673,21644,found,144,2011-01-10 16:04:00,0.0,,United Kingdom",
    "537197,22841,ROUND CAKE TIN VINTAGE GREEN,1,2010-12-05 14:02:00,0.0,12647.0,Germany",
    "537197,22843,BISCUIT TIN VINTAGE GREEN,2,2010-12-05 14:02:00,6.75,12647.0,Germany",
    "575505,POST,,800,2011-11-10 10:29:00,0.0,,United Kingdom",
    "A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,United Kingdom",
    "A563186,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,,United Kingdom",
    '581483,23843,"PAPER CRAFT , LITTLE BIRDIE",80995,2011-12-09 09:15:00,2.08,16446.0,United Kingdom',
    "553857,23090,VINTAGE GLASS T-LIGHT HOLDER,12,2011-05-19 13:30:00,0.83,,Unspecified",
)
UCI_OPTIONS: dict[str, Any] = {
    "currency": "GBP",
    "prices": "excl_vat",
    "decimal": "point",
    "timezone": "Europe/London",
    "order_id_column": "InvoiceNo",
    "country_column": "Country",
    "credit_prefix": "C",
    "adjustment_prefix": "A",
    "columns": {"sku": "StockCode", "customer_number": "CustomerID"},
    "country_names": {"EIRE": "IE", "Unspecified": ""},
    "line_kinds": [
        {"pattern": "POST|DOT|C2", "kind": "shipping"},
        {"pattern": "BANK CHARGES|AMAZONFEE|CRUK", "kind": "fee"},
        {"pattern": "D", "kind": "discount"},
        {"pattern": r"M|m|S|B|gift_0001_\d+", "kind": "manual"},
    ],
    "stock_corrections": {"negative_at_price_zero": True, "orders_at_price_zero_without_customer": True},
}


def test_thirty_real_rows_become_what_they_are() -> None:
    """Rows of UCI Online Retail, some of each class that its example describes; one of them stands here twice."""
    meaning = read(table(UCI_HEADER, *UCI_ROWS), "uci.csv", kind="orders", **UCI_OPTIONS)
    assert [
        (
            order.external_order_id,
            order.order_kind,
            order.ship_country,
            line.sku,
            line.line_kind,
            line.quantity,
            str(line.line_total_excl_vat),
        )
        for order in meaning.orders
        for line in order.lines
    ] == [
        ("536365", "sale", "GB", "85123A", "goods", 6, "15.30"),
        ("536365", "sale", "GB", "71053", "goods", 6, "20.34"),
        ("536370", "sale", "FR", "22728", "goods", 24, "90.00"),
        ("536370", "sale", "FR", "POST", "shipping", 3, "54.00"),
        ("536370", "sale", "FR", "22728", "goods", 24, "90.00"),
        ("536540", "sale", "IE", "C2", "shipping", 1, "50.00"),
        ("536544", "sale", "GB", "DOT", "shipping", 1, "569.77"),
        ("536544", "sale", "GB", "21773", "goods", 1, "2.51"),
        ("C536379", "credit", "GB", "D", "discount", -1, "-27.50"),
        ("C536383", "credit", "GB", "35004C", "goods", -1, "-4.65"),
        ("C537600", "credit", "GB", "AMAZONFEE", "fee", -1, "-1.00"),
        ("536569", "sale", "GB", "M", "manual", 1, "1.25"),
        ("539736", "sale", "GB", "m", "manual", 1, "2.55"),
        ("536779", "sale", "GB", "BANK CHARGES", "fee", 1, "15.00"),
        ("C564763", "credit", "GB", "CRUK", "fee", -1, "-1.60"),
        ("549684", "sale", "GB", "S", "manual", 1, "30.00"),
        ("540238", "sale", "GB", "gift_0001_20", "manual", 1, "17.02"),
        ("550193", "sale", "GB", "PADS", "goods", 1, "0.00"),
        ("543358", "sale", "GB", "DCGSSGIRL", "goods", 3, "9.87"),
        ("537197", "sale", "DE", "22841", "goods", 1, "0.00"),
        ("537197", "sale", "DE", "22843", "goods", 2, "13.50"),
        ("575505", "sale", "GB", "POST", "shipping", 800, "0.00"),
        ("A563185", "sale", "GB", "B", "manual", 1, "11062.06"),
        ("A563186", "sale", "GB", "B", "manual", 1, "-11062.06"),
        ("581483", "sale", "GB", "23843", "goods", 80995, "168469.60"),
        ("553857", "sale", None, "23090", "goods", 12, "9.96"),
    ]
    assert [(order.external_order_id, codes(order)) for order in meaning.orders if order.problems] == [
        ("A563185", ["adjustment_entry"]),
        ("A563186", ["adjustment_entry"]),
    ]
    assert meaning.stock_corrections == [
        StockCorrection(
            "536589:1", datetime(2010, 12, 1, 16, 50, tzinfo=UTC), -10, None, "21777", None, None, 21
        ),
        StockCorrection(
            "537032:1", datetime(2010, 12, 3, 16, 50, tzinfo=UTC), -30, None, "21275", None, "?", 22
        ),
        StockCorrection(
            "536414:1", datetime(2010, 12, 1, 11, 52, tzinfo=UTC), 56, None, "22139", None, None, 23
        ),
        StockCorrection(
            "540673:1", datetime(2011, 1, 10, 16, 4, tzinfo=UTC), 144, None, "21644", None, "found", 24
        ),
    ]
    assert (meaning.rejects, meaning.rows_read) == ([], 30)
    assert {order.currency for order in meaning.orders} == {"GBP"}
    assert (meaning.orders[0].customer_number, meaning.orders[4].customer_number) == ("17850", "14527")


def test_a_price_of_a_tenth_of_a_penny_is_kept_and_its_total_rounded() -> None:
    order = read_order(table(UCI_HEADER, UCI_ROWS[17]), "uci.csv", **UCI_OPTIONS)
    assert (order.lines[0].unit_price_excl_vat, order.lines[0].line_total_excl_vat) == (
        Decimal("0.001"),
        Decimal("0.00"),
    )


def test_without_rules_nothing_is_a_credit_or_a_correction() -> None:
    meaning = read(table(UCI_HEADER, *UCI_ROWS), "uci.csv", kind="orders")
    assert {order.order_kind for order in meaning.orders} == {"sale"}
    assert meaning.stock_corrections == []
    assert sum(code == "negative_quantity" for order in meaning.orders for code in codes(order)) == 6
