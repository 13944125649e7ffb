"""Moving a state machine of the shop: order, delivery or payment. The shop mails its customer unless told not to."""

from order_pipelines.connectors.http import Answer
from order_pipelines.connectors.ports import WriteResult
from order_pipelines.connectors.shopware.client import ShopwareClient, is_id

_NO_CONTENT = 204


def move(
    client: ShopwareClient, entity: str, entity_id: str, transition: str, *, send_mail: bool
) -> WriteResult:
    """Make one transition; ``confirmed`` also where the state was reached before: the shop answers that with 200.

    Args:
        client: the shop.
        entity: ``order``, ``order_delivery`` or ``order_transaction``.
        entity_id: its id.
        transition: for example ``ship``; a shop may have others than Shopware's own.
        send_mail: whether the customer gets the mail that the shop has for this state.

    Raises:
        TransientConnectorError: ``maybe_acted`` when the state may have changed; repeating changes nothing more.
        PermanentConnectorError: the account may not do this.
    """
    if not is_id(entity_id):
        return WriteResult("rejected", reason=f"no id of a Shopware {entity}; nothing was sent")
    path = f"/api/_action/{entity}/{entity_id}/state/{transition}"
    answer = client.try_write("POST", path, {"sendMail": send_mail})
    if isinstance(answer, WriteResult):
        return answer
    return WriteResult("confirmed") if _names_a_state(answer) else _not_theirs(answer)


def _names_a_state(answer: Answer) -> bool:
    """Tell whether the answer is the state that was reached, in either shape: any other 200 says nothing of it."""
    try:
        content = answer.json()
    except ValueError:
        return False
    state = content.get("data", content) if isinstance(content, dict) else None
    if isinstance(state, dict) and isinstance(state.get("attributes"), dict):
        state = state["attributes"]
    return isinstance(state, dict) and isinstance(state.get("technicalName"), str)


def heard(answer: Answer) -> WriteResult:
    """Return what a 2xx says: done, unless something between us and the shop gave it, such as a page to log in."""
    try:
        is_theirs = answer.status == _NO_CONTENT or isinstance(answer.json(), dict)
    except ValueError:
        is_theirs = False
    return WriteResult("confirmed") if is_theirs else _not_theirs(answer)


def _not_theirs(answer: Answer) -> WriteResult:
    return WriteResult("in_doubt", reason=f"the answer {answer.status} is not Shopware's; read back")
