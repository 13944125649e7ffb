"""The state machines of orders, deliveries and transactions, as Shopware's migrations make them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from order_pipelines.sandbox.shopware.http import Problem
from order_pipelines.sandbox.shopware.store import Row, Store

Transitions = dict[str, dict[str, str]]

_ORDER: Transitions = {
    "open": {"process": "in_progress", "cancel": "cancelled"},
    "in_progress": {"complete": "completed", "cancel": "cancelled"},
    "completed": {"reopen": "open"},
    "cancelled": {"reopen": "open"},
}
_DELIVERY: Transitions = {
    "open": {"ship": "shipped", "ship_partially": "shipped_partially", "cancel": "cancelled"},
    "shipped": {"retour": "returned", "retour_partially": "returned_partially", "cancel": "cancelled"},
    "shipped_partially": {
        "ship": "shipped",
        "retour": "returned",
        "retour_partially": "returned_partially",
        "cancel": "cancelled",
    },
    "returned": {"reopen": "open"},
    "returned_partially": {"retour": "returned", "reopen": "open"},
    "cancelled": {"reopen": "open"},
}
_BEFORE_PAYMENT = {
    "paid": "paid",
    "pay": "paid",
    "paid_partially": "paid_partially",
    "pay_partially": "paid_partially",
    "do_pay": "in_progress",
    "process": "in_progress",
    "process_unconfirmed": "unconfirmed",
    "authorize": "authorized",
    "fail": "failed",
    "cancel": "cancelled",
    "remind": "reminded",
}
_TRANSACTION: Transitions = {
    "open": _BEFORE_PAYMENT,
    "reminded": {name: to for name, to in _BEFORE_PAYMENT.items() if to != "reminded"},
    "failed": {name: to for name, to in _BEFORE_PAYMENT.items() if to not in {"failed", "cancelled"}}
    | {"reopen": "open"},
    "in_progress": {
        name: to for name, to in _BEFORE_PAYMENT.items() if to not in {"in_progress", "reminded"}
    },
    "unconfirmed": {
        "paid": "paid",
        "paid_partially": "paid_partially",
        "authorize": "authorized",
        "fail": "failed",
        "cancel": "cancelled",
        "reopen": "open",
    },
    "authorized": {
        "paid": "paid",
        "paid_partially": "paid_partially",
        "fail": "failed",
        "cancel": "cancelled",
    },
    "paid": {
        "refund": "refunded",
        "refund_partially": "refunded_partially",
        "chargeback": "chargeback",
        "cancel": "cancelled",
    },
    "paid_partially": {
        "paid": "paid",
        "refund": "refunded",
        "refund_partially": "refunded_partially",
        "cancel": "cancelled",
        "remind": "reminded",
    },
    "refunded_partially": {"refund": "refunded", "cancel": "cancelled"},
    "refunded": {"reopen": "open"},
    "chargeback": {"reopen": "open"},
    "cancelled": {"reopen": "open"},
}
MACHINES: dict[str, Transitions] = {
    "order": _ORDER,
    "order_delivery": _DELIVERY,
    "order_transaction": _TRANSACTION,
}


@dataclass(frozen=True)
class Outcome:
    """What became of a transition; ``was`` and ``became`` are technical names, the same where nothing changed."""

    was: str
    became: str
    state: Row


class StateMachines:
    """The states of one shop: the same names in every shop, ids of its own."""

    def __init__(self, store: Store, at: datetime) -> None:
        self._store = store
        for machine, transitions in MACHINES.items():
            machine_id = store.id_of("machine", machine)
            store.add(
                "state_machine",
                {"id": machine_id, "technicalName": f"{machine}.state", "name": f"{_title(machine)} state"},
                at,
            )
            for state in transitions:
                store.add(
                    "state_machine_state",
                    {
                        "id": self.id_of(machine, state),
                        "technicalName": state,
                        "name": _title(state),
                        "stateMachineId": machine_id,
                    },
                    at,
                )

    def id_of(self, machine: str, state: str) -> str:
        """Return the id of a state in this shop."""
        return self._store.id_of("state", machine, state)

    def name_of(self, row: Row) -> str:
        """Return the technical name of a row's state."""
        state = self._store.get("state_machine_state", row["stateId"])
        return "" if state is None else str(state["technicalName"])

    def possible(self, machine: str, row: Row) -> dict[str, str]:
        """Return the transitions out of a row's state, with where they lead."""
        return MACHINES[machine][self.name_of(row)]

    def reach(
        self, machine: str, row: Row, transition: str, at: datetime, *, is_kept: bool = True
    ) -> Outcome:
        """Do a transition. One whose end is reached already changes nothing and is no error.

        Without ``is_kept`` nothing is changed whatever the outcome says.

        Raises:
            Problem: 400, the state does not allow it.
        """
        was = self.name_of(row)
        possible = MACHINES[machine][was]
        target = possible.get(transition)
        if target is None:
            ends = {to[transition] for to in MACHINES[machine].values() if transition in to}
            if was not in ends:
                raise _illegal(row, transition, list(possible))
            target = was
        state = self._store.get("state_machine_state", self.id_of(machine, target))
        assert state is not None, f"{machine} has no state {target}"
        if target != was and is_kept:
            self._store.change(machine, row, {"stateId": state["id"]}, at)
        return Outcome(was, target, state)


def shown_state(state: Row) -> dict[str, Any]:
    """Return a state as the answer of a transition has it."""
    return {
        "id": state["id"],
        "name": state["name"],
        "technicalName": state["technicalName"],
        "stateMachineId": state["stateMachineId"],
        "translated": {"name": state["name"], "customFields": []},
        "customFields": None,
        "createdAt": state["createdAt"],
        "updatedAt": None,
        "extensions": [],
    }


def _illegal(row: Row, transition: str, possible: list[str]) -> Problem:
    words = ", ".join(possible)
    return Problem(
        400,
        "SYSTEM__ILLEGAL_STATE_TRANSITION",
        f'Illegal transition "{transition}" from state "{row["stateId"]}". Possible transitions are: {words}',
        parameters={
            "transition": transition,
            "currentState": row["stateId"],
            "possibleTransitionsString": words,
            "possibleTransitions": possible,
        },
    )


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
