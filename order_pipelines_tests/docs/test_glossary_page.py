"""docs/glossary.md against the states that the code knows."""

import pytest

from order_pipelines.domain.orders import FULFILMENT_STATUSES, LINE_KINDS, ORDER_STATUSES, PAYMENT_STATUSES
from order_pipelines.domain.stock import MOVEMENT_KINDS, STOCK_EVENT_KINDS
from order_pipelines.operations import outbox
from order_pipelines.services import push_outcome
from order_pipelines_tests.docs.pages import DOCS, sections


@pytest.mark.parametrize(
    ("title", "states"),
    [
        ("Order status", ORDER_STATUSES),
        ("Fulfilment status", FULFILMENT_STATUSES),
        ("Payment status", PAYMENT_STATUSES),
        ("Kind of line", LINE_KINDS),
        ("Movement", MOVEMENT_KINDS),
        ("Event of a number", STOCK_EVENT_KINDS),
        (
            "Effect",
            (
                outbox.PENDING,
                outbox.SENT,
                outbox.CONFIRMED,
                outbox.IN_DOUBT,
                outbox.ON_HOLD,
                outbox.FAILED,
                outbox.ABORTED,
            ),
        ),
        (
            "Stock of an offer",
            (
                push_outcome.PENDING,
                push_outcome.SENT,
                push_outcome.CONFIRMED,
                push_outcome.REJECTED,
                push_outcome.IN_DOUBT,
                push_outcome.ON_HOLD,
            ),
        ),
    ],
)
def test_every_state_is_explained_in_its_place(title: str, states: tuple[str, ...]) -> None:
    (section,) = [section for section in sections(DOCS / "glossary.md") if section.title == title]
    assert tuple(row[0].strip("`") for row in section.rows) == states
