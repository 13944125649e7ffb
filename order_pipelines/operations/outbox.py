"""The only door out: one row per intended effect, with a key that the same intention always has."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.errors import OutboxConflictError
from order_pipelines.operations.people import without_people
from order_pipelines.operations.store import CHANGE, chunks, next_values
from order_pipelines.operations.tables import outbox

PENDING, SENT, CONFIRMED, IN_DOUBT, ON_HOLD, FAILED, ABORTED = (
    "pending",
    "sent",
    "confirmed",
    "in_doubt",
    "on_hold",
    "failed",
    "aborted",
)
OBSERVED = "the account is in observe mode: recorded to compare, never to be sent"
_BACKOFF_S = (5, 30, 120, 600, 3600)


@dataclass(frozen=True, slots=True)
class Effect:
    """One intended effect. ``payload`` is JSON-ready and holds all that sending needs."""

    key: str
    account: str
    kind: str
    subject_key: str
    mode: str
    payload: dict[str, Any]


def plan(connection: Connection, effects: Sequence[Effect]) -> int:
    """Write down effects that are not there yet and return how many were new.

    Raises:
        OutboxConflictError: a key exists with other content; nothing of the call is written by the caller then.
    """
    fresh = 0
    for part in chunks(list(effects)):
        existing = {
            row.effect_key: row.payload_hash
            for row in connection.execute(
                sa.select(outbox.c.effect_key, outbox.c.payload_hash).where(
                    outbox.c.effect_key.in_([effect.key for effect in part])
                )
            )
        }
        rows = []
        for effect in part:
            digest = hashlib.sha256(orjson.dumps(effect.payload, option=orjson.OPT_SORT_KEYS)).hexdigest()
            if effect.key in existing:
                if existing[effect.key] != digest:
                    raise OutboxConflictError(
                        f"{effect.key} was planned before with other content; the first stands, look at its subject "
                        f"{effect.subject_key}"
                    )
                continue
            existing[effect.key] = digest
            observed = effect.mode != "live"
            rows.append(
                {
                    "effect_key": effect.key,
                    "account": effect.account,
                    "kind": effect.kind,
                    "subject_key": effect.subject_key,
                    "mode": effect.mode,
                    "payload": effect.payload,
                    "payload_hash": digest,
                    "state": ON_HOLD if observed else PENDING,
                    "reason": OBSERVED if observed else None,
                    "attempts": 0,
                    "planned_at": clock.now(),
                }
            )
        if rows:
            number = next_values(connection, CHANGE, len(rows))
            connection.execute(
                outbox.insert(), [{**row, "change_seq": number + index} for index, row in enumerate(rows)]
            )
            fresh += len(rows)
    return fresh


def due(connection: Connection, kind: str, *, account: str | None = None, limit: int = 500) -> list[Any]:
    """Return effects to work on now, of one account or of all, oldest first: never those planned in observe mode."""
    now = clock.now()
    query = sa.select(outbox).where(
        outbox.c.kind == kind,
        outbox.c.mode == "live",
        outbox.c.state.in_((PENDING, SENT, IN_DOUBT)),
        sa.or_(outbox.c.not_before.is_(None), outbox.c.not_before <= now),
    )
    if account is not None:
        query = query.where(outbox.c.account == account)
    return list(connection.execute(query.order_by(outbox.c.planned_at, outbox.c.effect_key).limit(limit)))


def move(connection: Connection, key: str, state: str, **values: Any) -> None:
    """Bring an effect to a state, with what is known about it."""
    if state == CONFIRMED:
        values.setdefault("confirmed_at", clock.now())
        values.setdefault("reason", None)
    if state == SENT:
        values.setdefault("sent_at", clock.now())
    if values.get("reason"):
        # What the other side says of a parcel or an entry may repeat whom it is for.
        values["reason"] = without_people(connection, key, values["reason"])
    connection.execute(
        sa.update(outbox)
        .where(outbox.c.effect_key == key)
        .values(state=state, change_seq=next_values(connection, CHANGE), **values)
    )


def postpone(
    connection: Connection, row: Any, state: str, reason: str, *, at_least_s: float | None = None
) -> None:
    """Try an effect again later, further apart each time."""
    attempts = row.attempts + 1
    wait = max(at_least_s or 0.0, _BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1])
    move(
        connection,
        row.effect_key,
        state,
        reason=reason,
        attempts=attempts,
        not_before=clock.now() + timedelta(seconds=wait),
    )
