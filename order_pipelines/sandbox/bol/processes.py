"""Accepted writes and what becomes of them: PENDING, then SUCCESS, FAILURE or TIMEOUT, and some day unknown."""

from collections.abc import Callable
from datetime import datetime, timedelta

from order_pipelines.sandbox.bol.model import ProcessStatus
from order_pipelines.sandbox.bol.shop import Refusal, Shop
from order_pipelines.sandbox.standin import Fault

STATUS_LIFE = timedelta(hours=24)
OUTCOME_FAULTS = {
    "process_failure",
    "process_failure_without_message",
    "process_timeout",
    "process_vanish",
    "silent_reject",
}

Effect = Callable[[datetime], str | None]


class ProcessBook:
    """The process statuses of one shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._statuses: dict[str, ProcessStatus] = {}
        self._by_entity: dict[tuple[str, str], list[ProcessStatus]] = {}

    def begin(
        self,
        event_type: str,
        description: str,
        entity_id: str | None,
        effect: Effect,
        now: datetime,
        delay_s: float,
        fault: Fault | None,
    ) -> ProcessStatus:
        """Accept a write: its effect comes with SUCCESS, ``delay_s`` seconds of world time from now.

        ``effect`` returns the entity id if it is known only then, and raises ``Refusal`` for FAILURE.
        """
        status = ProcessStatus(
            process_status_id=self._shop.new_number("7", 10),
            event_type=event_type,
            description=description,
            entity_id=entity_id,
            created_at=now,
            due_at=now + timedelta(seconds=delay_s),
        )
        self._statuses[status.process_status_id] = status
        if entity_id is not None:
            self._by_entity.setdefault((event_type, entity_id), []).append(status)
        self._shop.schedule(status.due_at, lambda at: self._finish(status, effect, fault, at))
        return status

    def _finish(self, status: ProcessStatus, effect: Effect, fault: Fault | None, at: datetime) -> None:
        kind = fault.kind if fault is not None else ""
        applies = fault is None or bool(fault.detail.get("applied", kind == "process_vanish"))
        status.status = "SUCCESS"
        if applies:
            try:
                entity_id = effect(at)
            except Refusal as refusal:
                status.status, status.error_message = "FAILURE", str(refusal)
            else:
                if entity_id is not None:
                    status.entity_id = entity_id
                    self._by_entity.setdefault((status.event_type, entity_id), []).append(status)
        if kind == "process_failure":
            status.status = "FAILURE"
            status.error_message = str(
                (fault.detail if fault else {}).get("message", "Something went wrong at bol.")
            )
        elif kind == "process_failure_without_message":
            status.status, status.error_message = "FAILURE", None
        elif kind == "process_timeout":
            status.status = "TIMEOUT"
        elif kind == "process_vanish":
            status.gone = True
        self._shop.on_event("PROCESS_STATUS", status.status, status.process_status_id)

    def find(self, process_status_id: str, now: datetime) -> ProcessStatus | None:
        """Return a status that bol still knows."""
        status = self._statuses.get(process_status_id)
        return status if status is not None and self._is_known(status, now) else None

    def find_by_entity(self, event_type: str, entity_id: str, now: datetime) -> list[ProcessStatus]:
        """Return the statuses of an entity, newest first."""
        found = self._by_entity.get((event_type, entity_id), [])
        return [status for status in reversed(found) if self._is_known(status, now)]

    def all(self) -> list[ProcessStatus]:
        """Return every status ever made, oldest first, also those that bol no longer shows."""
        return list(self._statuses.values())

    @staticmethod
    def _is_known(status: ProcessStatus, now: datetime) -> bool:
        return not status.gone and now < status.created_at + STATUS_LIFE
