"""What became of a write that bol only accepted: the life of a process status (shared v10)."""

from order_pipelines.connectors.bol.client import BolClient, part, sound_id, without_people
from order_pipelines.connectors.http import Answer
from order_pipelines.connectors.ports import WriteResult
from order_pipelines.errors import PermanentConnectorError

_NOT_FOUND = 404


def read_accepted(answer: Answer) -> WriteResult:
    """Return what a 202 says: accepted, found again by its process status id. Not done yet."""
    try:
        status = answer.json()
    except ValueError:
        status = None
    reference = sound_id(status.get("processStatusId")) if isinstance(status, dict) else None
    if reference is None:
        return WriteResult("in_doubt", reason="bol accepted the write without a process status; read back")
    return WriteResult("accepted", reference)


def poll_write(client: BolClient, reference: str) -> WriteResult:
    """Ask what became of a write.

    PENDING stays ``accepted``; TIMEOUT, an unknown word and a status that bol has deleted are ``in_doubt``: the effect
    must be read back.
    """
    status = read_status(client, reference)
    if status is None:
        return WriteResult("in_doubt", reference, "status gone; read back")
    word = status.get("status")
    if word == "SUCCESS":
        return WriteResult("confirmed", reference)
    if word == "PENDING":
        return WriteResult("accepted", reference)
    if word == "FAILURE":
        message = status.get("errorMessage")
        reason = without_people(message) if isinstance(message, str) and message else "bol gave no reason"
        return WriteResult("rejected", reference, reason)
    reason = "bol did not finish it in time" if word == "TIMEOUT" else "bol's answer names no state we know"
    return WriteResult("in_doubt", reference, f"{reason}; read back")


def read_status(client: BolClient, reference: str) -> dict[str, object] | None:
    """Return a process status as bol shows it, ``None`` when bol no longer has it (they live a limited time)."""
    path = f"/shared/process-status/{part(reference)}"
    try:
        answer = client.get(path, group="GET /process-status")
    except PermanentConnectorError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    return client.read_object(answer, path)
