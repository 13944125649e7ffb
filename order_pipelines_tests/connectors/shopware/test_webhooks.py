"""Messages of an app: signed or not, and what they ask to be read."""

import hashlib
import hmac

import orjson
import pytest

from order_pipelines.connectors.shopware.webhooks import Event, is_signed, read_event

LIVE = "0fa91ce3e96a4bc2be4bd9ce752c3425"
ORDER, DELIVERY = "7656df5ece4049a96cb53b5754431f44", "9948c645c094247794f4c7acdbeb2bb6"


def written(entity: str, key: str, version: str | None = LIVE) -> dict[str, object]:
    entry: dict[str, object] = {
        "entity": entity,
        "operation": "update",
        "primaryKey": key,
        "updatedFields": ["stateId"],
    }
    return entry if version is None else {**entry, "versionId": version}


def message(*payload: object, event: str = "order.written") -> bytes:
    return orjson.dumps(
        {
            "data": {"payload": list(payload), "event": event},
            "source": {"url": "http://shop.example", "shopId": "dgrH7nLU6tlE", "eventId": "e-1"},
            "timestamp": 1777885200,
        }
    )


def test_only_what_was_signed_with_the_shops_secret_is_from_the_shop() -> None:
    body = message(written("order", ORDER))
    # openssl dgst -sha256 -hmac 'the shop secret'
    good = hmac.new(b"the shop secret", body, hashlib.sha256).hexdigest()
    assert is_signed(body, good, "the shop secret") is True
    assert is_signed(body, good.upper(), "the shop secret") is True
    assert is_signed(body + b" ", good, "the shop secret") is False
    assert is_signed(body, good, "another secret") is False
    for wrong in (None, "", "é", good[:-1]):
        assert is_signed(body, wrong, "the shop secret") is False
    assert is_signed(body, hmac.new(b"", body, hashlib.sha256).hexdigest(), "") is False


def test_the_signature_is_the_hexadecimal_one_of_the_raw_body() -> None:
    """RFC 4231, test case 2."""
    signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert is_signed(b"what do ya want for nothing?", signature, "Jefe") is True


def test_a_message_names_what_is_to_be_read_again_once() -> None:
    body = message(written("order", ORDER), written("order", ORDER), written("product", DELIVERY, None))
    assert read_event(body) == Event("e-1", "order.written", (ORDER,), (DELIVERY,), ())


def test_parts_of_an_order_are_named_by_themselves() -> None:
    event = read_event(message(written("order_delivery", DELIVERY), event="order_delivery.written"))
    assert event == Event("e-1", "order_delivery.written", (), (), (("order_delivery", DELIVERY),))


def test_an_event_that_holds_the_order_names_it() -> None:
    body = message({"order": {"id": ORDER, "versionId": LIVE}}, event="checkout.order.placed")
    event = read_event(body)
    assert event is not None
    assert event.order_ids == (ORDER,)


def test_a_draft_asks_for_nothing() -> None:
    draft = "1" * 32
    body = message(written("order", ORDER, draft), {"order": {"id": ORDER, "versionId": draft}})
    assert read_event(body) == Event("e-1", "order.written", ())


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"not json", b'{"data": []}', b'{"data": {"event": 5}}', b" " * (1024 * 1024 + 1)],
)
def test_what_is_no_message_is_none(body: bytes) -> None:
    assert read_event(body) is None


@pytest.mark.parametrize("payload", [None, "x", [5], [{"entity": "order", "primaryKey": "../etc"}], {}])
def test_a_message_with_nothing_usable_asks_for_nothing(payload: object) -> None:
    body = orjson.dumps({"data": {"event": "order.written", "payload": payload}, "source": "shop"})
    assert read_event(body) == Event(None, "order.written", ())
