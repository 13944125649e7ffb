"""Systems that refuse, and repeat in their refusals the secret they were asked with and the person it is about."""

import json

from order_pipelines_tests.hostile.server import Call, HostileServer, Line
from order_pipelines_tests.house.marked_run import PERSON

# Stored as one with the number of the house, and alone it is nobody's.
ECHO = " ".join(value for name, value in PERSON.items() if name != "houseNumberExtension")
# An operator shows where an order goes once it is accepted, and not before.
ECHO_BEFORE = " ".join(PERSON[name] for name in ("firstName", "surname", "company"))


def echo_at_every_write(
    bol: HostileServer, books: HostileServer, mirakl: HostileServer, shopware: HostileServer
) -> None:
    """Let refusals from now on repeat what they were asked with, and whom it is about."""

    def refuse(line: Line, call: Call) -> None:
        secret = call.headers.get("Authorization", "").partition(" ")[2]
        body = {
            "title": f"Bad Request for {ECHO}",
            "detail": f"Shipment to {ECHO} refused, token {secret}",
            "violations": [{"name": "address", "reason": f"rejected value {ECHO}"}],
        }
        line.answer(json.dumps(body).encode(), status="400 Bad Request")

    def refuse_stock(line: Line, call: Call) -> None:
        """A stock call names nobody, so nobody can be repeated; the token can."""
        said = {"title": "Bad Request", "detail": f"refused {call.headers.get('Authorization', '')}"}
        line.answer(json.dumps(said).encode(), status="400 Bad Request")

    def refuse_file(line: Line, call: Call) -> None:
        """For a 400 a file would be halved until the wrong row is found, a file a minute."""
        said = {"message": f"forbidden for {call.headers.get('Authorization', '')}", "status": 403}
        line.answer(json.dumps(said).encode(), status="403 Forbidden")

    def refuse_entry(line: Line, call: Call) -> None:
        secret = call.headers.get("Authorization", "").partition(" ")[2]
        said = {"error": {"code": "", "message": {"lang": "nl", "value": f"Fout: {ECHO} {secret}"}}}
        line.answer(json.dumps(said).encode(), status="400 Bad Request")

    def refuse_at_operator(line: Line, call: Call) -> None:
        who, key = ECHO_BEFORE if "/accept" in call.path else ECHO, call.headers.get("Authorization", "")
        line.answer(
            json.dumps({"message": f"Order of {who} refused, key {key}", "status": 400}).encode(),
            status="400 Bad Request",
        )

    def refuse_at_shop(line: Line, call: Call) -> None:
        secret = call.headers.get("Authorization", "").partition(" ")[2]
        said = {
            "status": "400",
            "code": "0",
            "title": f"Bad Request for {ECHO}",
            "detail": f"{ECHO} {secret}",
        }
        line.answer(json.dumps({"errors": [said]}).encode(), status="400 Bad Request")

    for method, path in (("PUT", "/accept"), ("PUT", "/cancel"), ("POST", "/api/shipments")):
        mirakl.play(method, path, refuse_at_operator)
    for method, path in (("PATCH", "/api/order-delivery"), ("POST", "/state/")):
        shopware.play(method, path, refuse_at_shop)
    mirakl.play("POST", "/offers/stock/imports", refuse_file)
    shopware.play("POST", "/_action/sync", refuse_stock)
    bol.play("POST", "/retailer/shipments", refuse)
    bol.play("PATCH", "/retailer/offers", refuse_stock)
    books.play("POST", "salesentry/SalesEntries", refuse_entry)


def echo_tokens(line: Line, call: Call) -> None:
    """Refuse a login, and repeat the secrets that it came with."""
    sent = call.body.decode()
    basic = call.headers.get("Authorization", "")
    said = {"error": f"invalid_client {basic}", "error_description": f"bad request {sent} {basic}"}
    line.answer(json.dumps(said).encode(), status="401 Unauthorized")
