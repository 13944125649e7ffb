"""Offers at the Mirakl stand-in: what each kind of import changes, what it destroys, and what it says about it."""

from typing import Any

import pytest

from order_pipelines_tests.sandbox.mirakl_caller import MiraklCaller

SKU = "KEU-1001"
OFFER: dict[str, Any] = {
    "shop_sku": SKU,
    "product_id": "8720999001018",
    "product_id_type": "EAN",
    "state_code": "11",
    "price": 35.0,
    "update_delete": "update",
}


def stock_status(caller: MiraklCaller, import_id: str) -> dict[str, Any]:
    reply = caller.get(f"/offers/stock/imports/{import_id}/status")
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def test_an_operator_sells_a_part_of_the_goods_and_some_that_nobody_knows(
    blokker: MiraklCaller, second: MiraklCaller
) -> None:
    first, other = (one.get("/offers", max=100).json() for one in (blokker, second))
    assert (first["total_count"], other["total_count"]) == (43, 32)
    assert {row["shop_sku"] for row in first["offers"]} >= {SKU, "KEU-1002", "OUD-0001"}
    assert "KEU-1003" not in {row["shop_sku"] for row in first["offers"]}
    row = blokker.get("/offers", sku=SKU).json()["offers"][0]
    assert (row["quantity"], row["price"], row["product_references"]) == (
        42,
        39.95,
        [{"reference": "8720999001018", "reference_type": "EAN"}],
    )
    assert blokker.get(f"/offers/{row['offer_id']}").json() == row
    assert blokker.get("/offers/1").status_code == 404
    assert blokker.get("/offers/many").status_code == 400
    page = blokker.get("/offers", max=5)
    assert (len(page.json()["offers"]), page.links["next"]["url"]) == (
        5,
        f"{blokker.base_url}/api/offers?max=5&offset=5",
    )


def test_a_stock_import_waits_runs_and_is_complete_and_changes_nothing_else(blokker: MiraklCaller) -> None:
    before = blokker.offer(SKU)
    reply = blokker.push_stock(f'"{SKU}";"7";"";""')
    assert reply.status_code == 201
    import_id = reply.json()["import_id"]
    assert isinstance(import_id, str)
    assert reply.headers["Location"] == f"{blokker.base_url}/api/offers/stock/imports/{import_id}/status"
    statuses = []
    for seconds in (0, 15, 15):
        blokker.wait(seconds)
        statuses.append((stock_status(blokker, import_id)["status"], blokker.offer(SKU)["quantity"]))
    assert statuses == [("WAITING", 42), ("RUNNING", 42), ("COMPLETE", 7)]
    assert blokker.offer(SKU) == {**before, "quantity": 7}
    told = stock_status_later(blokker, import_id)
    assert (told["lines_in_success"], told["lines_in_error"], told["has_error_report"], told["shop_id"]) == (
        1,
        0,
        False,
        2041,
    )
    assert blokker.get(f"/offers/stock/imports/{import_id}/error_report").status_code == 404


def stock_status_later(caller: MiraklCaller, import_id: str) -> dict[str, Any]:
    caller.wait(60)
    return stock_status(caller, import_id)


def test_complete_does_not_mean_taken(blokker: MiraklCaller, second: MiraklCaller) -> None:
    rows = (f"{SKU};5;;", "NOPE;1;;", "KEU-1002;some;;", "THE-2004;3;;", "KEU-1004;2;MARS;", f"{SKU};6;;")
    blokker_id, second_id = (one.push_stock(*rows).json()["import_id"] for one in (blokker, second))
    told = stock_status_later(blokker, blokker_id)
    assert (told["status"], told["lines_in_success"], told["lines_in_error"]) == ("COMPLETE", 1, 5)
    assert blokker.offer(SKU)["quantity"] == 5
    assert (blokker.offer("KEU-1002")["quantity"], blokker.offer("THE-2004")["quantity"]) == (65, 31)
    report = blokker.get(f"/offers/stock/imports/{blokker_id}/error_report")
    assert report.headers["Content-Type"] == "text/csv;charset=UTF-8"
    assert report.text == (
        '"line";"sku";"error-message"\n'
        '"3";"NOPE";"Offer with SKU \'NOPE\' does not exist"\n'
        '"4";"KEU-1002";"\'some\' is not a valid quantity"\n'
        '"5";"THE-2004";"The offer is fulfilled by the operator"\n'
        '"6";"KEU-1004";"Warehouse \'MARS\' does not exist"\n'
        f'"7";"{SKU}";"The lines of one offer must follow each other"\n'
    )
    other = second.get(f"/offers/stock/imports/{second_id}/error_report").text
    assert other.splitlines()[:2] == [
        '"offer-sku","line-number","errors"',
        '"NOPE","3","Offer with SKU \'NOPE\' does not exist"',
    ]


def test_stock_by_warehouse_adds_up_and_a_global_number_replaces_it(blokker: MiraklCaller) -> None:
    blokker.push_stock(f"{SKU};4;HOOFD;")
    blokker.wait(60)
    row = blokker.get("/offers", sku=SKU).json()["offers"][0]
    assert (row["quantity"], row["warehouses"]) == (4, [{"code": "HOOFD", "quantity": 4}])
    blokker.push_stock(f"{SKU};9;;")
    blokker.wait(60)
    row = blokker.get("/offers", sku=SKU).json()["offers"][0]
    assert (row["quantity"], row["warehouses"]) == (9, [])
    blokker.push_stock(f"{SKU};;;delete")
    blokker.wait(60)
    assert blokker.offer(SKU)["quantity"] == 0


def test_an_absolute_number_hides_what_was_sold_while_it_was_on_its_way(blokker: MiraklCaller) -> None:
    blokker.push_stock(f"{SKU};10;;")
    blokker.buy((SKU, 3))
    assert blokker.offer(SKU)["quantity"] == 39
    blokker.wait(30)
    assert blokker.offer(SKU)["quantity"] == 10


def test_a_file_without_its_columns_fails_as_a_whole(blokker: MiraklCaller) -> None:
    import_id = blokker.upload("/offers/stock/imports", "sku;stock\nKEU-1001;1\n").json()["import_id"]
    told = stock_status_later(blokker, import_id)
    assert (told["status"], told["lines_in_success"], told["has_error_report"]) == ("FAILED", 0, False)
    assert blokker.offer(SKU)["quantity"] == 42
    blokker.wait(60)
    for path in ("/offers/stock/imports", "/offers/pricing/imports", "/offers/imports"):
        assert blokker.call("POST", path, files={"other": ("a.csv", "x")}).status_code == 400
        blokker.wait(60)
        assert blokker.call("POST", path, json={}).status_code == 415
    assert len(blokker.state()["imports"]) == 1


def test_an_import_can_be_slow_fail_or_be_taken_in_silence(blokker: MiraklCaller) -> None:
    for kind in ("slow_import", "import_failed", "silent_reject"):
        blokker.fault(kind, match="/stock/imports", seconds=300)
    ids = []
    for number in (1, 2, 3):
        ids.append(blokker.push_stock(f"{SKU};{number};;").json()["import_id"])
        blokker.wait(60)
    statuses = [stock_status(blokker, import_id) for import_id in ids]
    assert [one["status"] for one in statuses] == ["RUNNING", "FAILED", "COMPLETE"]
    assert (statuses[2]["lines_in_success"], statuses[2]["lines_in_error"]) == (1, 0)
    assert blokker.offer(SKU)["quantity"] == 42
    blokker.wait(300)
    assert blokker.offer(SKU)["quantity"] == 1


def test_offers_sent_as_a_whole_lose_what_is_not_sent(blokker: MiraklCaller) -> None:
    reply = blokker.call("POST", "/offers", json={"offers": [OFFER]})
    assert (reply.status_code, reply.json()) == (201, {"import_id": 2042})
    blokker.wait(30)
    offer = blokker.offer(SKU)
    assert (offer["price"], offer["quantity"], offer["description"], offer["leadtime_to_ship"]) == (
        "35.0",
        0,
        None,
        None,
    )
    told = blokker.get("/offers/imports/2042").json()
    assert (told["status"], told["offer_updated"], told["offer_inserted"], told["mode"]) == (
        "COMPLETE",
        1,
        0,
        "NORMAL",
    )
    assert len(blokker.state()["offers"]) == 43


def test_offers_are_made_deleted_and_refused(blokker: MiraklCaller) -> None:
    rows = [
        {**OFFER, "shop_sku": "NEW-1", "product_id": "8720999001032", "quantity": 3},
        {**OFFER, "shop_sku": "KEU-1002", "update_delete": "delete"},
        {**OFFER, "shop_sku": "NEW-2", "product_id": "0"},
        {**OFFER, "shop_sku": "NEW-3", "price": "cheap"},
        {**OFFER, "shop_sku": "NEW-4", "state_code": ""},
        {**OFFER, "shop_sku": ""},
        {**OFFER, "shop_sku": "NEW-5", "update_delete": "delete"},
    ]
    blokker.call("POST", "/offers", json={"offers": rows})
    blokker.wait(30)
    told = blokker.get("/offers/imports/2042").json()
    assert (told["lines_in_success"], told["lines_in_error"], told["offer_deleted"]) == (2, 5, 1)
    assert (blokker.offer("NEW-1")["quantity"], blokker.offer("NEW-1")["title"]) == (
        3,
        "Braadslede ovaal emaille 6 liter",
    )
    assert "KEU-1002" not in {offer["sku"] for offer in blokker.state()["offers"]}
    report = blokker.get("/offers/imports/2042/error_report")
    assert report.headers["Content-Type"] == "application/octet-stream"
    assert '"4";"NEW-2";"The product does not exist"' in report.text
    assert blokker.get("/offers/imports/99").status_code == 404


def test_the_same_request_again_is_the_same_import_while_the_first_is_on_its_way(
    blokker: MiraklCaller,
) -> None:
    blokker.fault("slow_import", seconds=600)
    ids = []
    for _ in range(2):
        ids.append(blokker.call("POST", "/offers", json={"offers": [OFFER]}).json()["import_id"])
        blokker.wait(60)
    other = blokker.call("POST", "/offers", json={"offers": [{**OFFER, "price": 1}]}).json()["import_id"]
    assert ids == [2042, 2042]
    assert other == 2043
    blokker.wait(700)
    again = blokker.call("POST", "/offers", json={"offers": [OFFER]}).json()["import_id"]
    assert again == 2044


def test_replace_deletes_every_offer_that_is_not_in_the_file(blokker: MiraklCaller) -> None:
    text = "sku;product-id;product-id-type;state;price;quantity;update-delete\nKEU-1001;8720999001018;EAN;11;20.00;5;\n"
    assert blokker.upload("/offers/imports", text, import_mode="SOMEHOW").status_code == 400
    blokker.wait(60)
    assert blokker.upload("/offers/imports", text, import_mode="REPLACE").status_code == 201
    blokker.wait(30)
    assert [(one["sku"], one["price"], one["quantity"]) for one in blokker.state()["offers"]] == [
        (SKU, "20.00", 5)
    ]
    assert blokker.get("/offers/imports/2042").json()["offer_deleted"] == 42


def test_a_price_import_replaces_all_prices_and_touches_no_quantity(blokker: MiraklCaller) -> None:
    header = "offer-sku;price;discount-price;discount-start-date;discount-end-date;channels"
    first = f"{header}\n{SKU};30.00;25.00;;;\n{SKU};31.00;;;;NLBE\n"
    import_id = blokker.upload("/offers/pricing/imports", first).json()["import_id"]
    blokker.wait(60)
    row = blokker.get("/offers", sku=SKU).json()["offers"][0]
    assert (row["price"], row["discount"]["origin_price"], row["quantity"]) == (25.0, 30.0, 42)
    assert blokker.offer(SKU)["channel_prices"] == {"NLBE": "31.00"}
    (told,) = blokker.get("/offers/pricing/imports", import_id=import_id).json()["data"]
    assert (told["status"], told["offers_updated"], told["lines_in_success"]) == ("COMPLETE", 1, 2)
    blokker.upload("/offers/pricing/imports", f"{header}\n{SKU};30.00;;;;\nNOPE;1;;;;\nKEU-1002;-1;;;;\n")
    blokker.wait(60)
    row = blokker.get("/offers", sku=SKU).json()["offers"][0]
    assert (row["price"], row["discount"], blokker.offer(SKU)["channel_prices"]) == (30.0, None, {})
    assert blokker.offer("KEU-1002")["price"] == "24.99"
    rows = blokker.get("/offers/pricing/imports").json()["data"]
    assert [(one["lines_in_error"], one["offers_in_error"]) for one in rows] == [(0, 0), (2, 2)]
    report = blokker.get(f"/offers/pricing/imports/{rows[1]['import_id']}/error_report").text
    assert '"4";"KEU-1002";"The price must be above 0"' in report


@pytest.mark.parametrize("path", ["/offers/stock/imports/{}/status", "/offers/stock/imports/{}/error_report"])
def test_an_import_belongs_to_its_shop(blokker: MiraklCaller, second: MiraklCaller, path: str) -> None:
    import_id = blokker.push_stock("NOPE;1;;").json()["import_id"]
    blokker.wait(60)
    assert blokker.get(path.format(import_id)).status_code == 200
    assert second.get(path.format(import_id)).status_code == 404
    assert blokker.get(path.format("unknown")).status_code == 404
