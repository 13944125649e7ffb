"""Accepting orders (OR21): every line decided at once, looked up before it is repeated."""

from collections.abc import Sequence

from order_pipelines.connectors.mirakl import states
from order_pipelines.connectors.mirakl.client import MiraklClient, objects, part
from order_pipelines.connectors.mirakl.orders import ORDERS_PATH, read_state
from order_pipelines.connectors.ports import Account, House, WriteResult
from order_pipelines.errors import PermanentConnectorError

_REFUSED_STATES = states.NEVER
# An order that another decision or another process moved on: 400 or 409 by operator.
_JUDGED = frozenset({400, 404, 409, 422})


class MiraklAcceptance:
    """OrderAcceptor of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)

    def is_waiting(self, external_order_id: str) -> bool:
        """Tell whether the order still waits for the decision.

        Raises:
            PermanentConnectorError: the operator does not know the order, or refuses the call.
            TransientConnectorError: not now.
        """
        return read_state(self._client, external_order_id).get("order_state") == states.WAITING_ACCEPTANCE

    def accept(self, external_order_id: str, line_ids: Sequence[str]) -> WriteResult:
        """Accept every line of an order; an order that is past this state counts as confirmed.

        Mirakl wants a decision for every line. Lines that are not named make it a partial acceptance, which many
        operators forbid and which would refuse them for good: nothing is sent then.

        Raises:
            PermanentConnectorError: the account may not do this.
            TransientConnectorError: ``maybe_acted`` when the order may be accepted nevertheless.
        """
        order = read_state(self._client, external_order_id)
        if order.get("order_state") != states.WAITING_ACCEPTANCE:
            return _past(order.get("order_state"))
        there = [str(line.get("order_line_id")) for line in objects(order["order_lines"])]
        if not there or set(there) != set(line_ids):
            return WriteResult(
                "rejected",
                reason=f"order {external_order_id} was not accepted: its lines at the operator are "
                f"{', '.join(there) or 'none'}; read the order again",
            )
        path = f"{ORDERS_PATH}/{part(external_order_id)}/accept"
        payload = {"order_lines": [{"id": line_id, "accepted": True} for line_id in there]}
        try:
            answer = self._client.write("PUT", path, payload, operation="OR21")
        except PermanentConnectorError as error:
            if error.status not in _JUDGED:
                raise
            # Somebody else, or our own call whose answer was lost, may have been quicker: the order tells.
            state = read_state(self._client, external_order_id).get("order_state")
            if state == states.WAITING_ACCEPTANCE:
                return WriteResult("rejected", reason=str(error))
            return _past(state)
        return self._client.heard(answer)


def _past(state: object) -> WriteResult:
    if state in _REFUSED_STATES:
        return WriteResult("rejected", reason=f"the order is {state} at the operator")
    if state == states.STAGING:
        return WriteResult("in_doubt", reason="the operator still screens the order (STAGING)")
    if state in states.KNOWN:
        return WriteResult("confirmed")
    return WriteResult("in_doubt", reason="the operator shows the order in a state that nobody knows")
