"""The rows of one shop: live ones, drafts beside them, and the times at which they were made and changed."""

import copy
import random
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from order_pipelines.sandbox.shopware.schema import ENTITIES, LIVE_VERSION, Entity

Row = dict[str, Any]


def wire_time(instant: datetime) -> str:
    """Write an instant as Shopware does: UTC, milliseconds, ``+00:00``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")


class Store:
    """All rows of a shop by entity and id.

    ``index`` finds rows by a foreign key; it is kept for the keys that associations use.
    """

    def __init__(self, account: str, seed: int) -> None:
        self._namespace = uuid.uuid5(uuid.NAMESPACE_URL, f"shopware:{account}")
        self._ids = random.Random(f"{seed}:{account}:ids")
        self._rows: dict[str, dict[str, Row]] = {name: {} for name in ENTITIES}
        self._drafts: dict[tuple[str, str, str], Row] = {}
        self._counters: defaultdict[str, int] = defaultdict(int)
        keys = {
            (association.entity, association.key)
            for entity in ENTITIES.values()
            for association in entity.associations.values()
            if association.kind in {"many", "owned"}
        }
        self._index: dict[tuple[str, str], defaultdict[str, list[str]]] = {
            key: defaultdict(list) for key in keys
        }

    def id_of(self, *words: str) -> str:
        """Return the id of something that is the same at every start, and another in every shop."""
        return uuid.uuid5(self._namespace, "/".join(words)).hex

    def new_id(self) -> str:
        """Return an id that nothing has."""
        return f"{self._ids.getrandbits(128):032x}"

    def next_number(self, counter: str) -> int:
        """Return the next number of a range, from 1."""
        self._counters[counter] += 1
        return self._counters[counter]

    def add(self, name: str, row: Row, at: datetime) -> Row:
        """Keep a new row; members that it lacks are null, ``updatedAt`` among them."""
        entity = ENTITIES[name]
        full: Row = dict.fromkeys(entity.fields)
        full.update(row)
        full.setdefault("id", self.new_id())
        if full.get("id") is None:
            full["id"] = self.new_id()
        full["createdAt"] = full["createdAt"] or wire_time(at)
        if entity.is_versioned:
            full["versionId"] = LIVE_VERSION
        if "autoIncrement" in full and full["autoIncrement"] is None:
            full["autoIncrement"] = self.next_number(name)
        self._rows[name][full["id"]] = full
        for (owner, key), index in self._index.items():
            if owner == name and full.get(key) is not None:
                index[full[key]].append(full["id"])
        return full

    def change(self, name: str, row: Row, changes: Row, at: datetime) -> list[str]:
        """Change a row; return the names of the members that were written."""
        row.update(changes)
        row["updatedAt"] = wire_time(at)
        return [*changes, "updatedAt"]

    def remove(self, name: str, key: str) -> bool:
        """Drop a row; tell whether there was one."""
        row = self._rows[name].pop(key, None)
        if row is None:
            return False
        for (owner, member), index in self._index.items():
            if owner == name and row.get(member) is not None:
                index[row[member]].remove(key)
        return True

    def draft(self, name: str, row: Row, version: str, changes: Row) -> Row:
        """Lay a draft of a row beside it, as an admin's browser does when somebody edits."""
        drawn = copy.deepcopy(row) | changes | {"versionId": version}
        self._drafts[name, row["id"], version] = drawn
        return drawn

    def get(self, name: str, key: str | None, version: str = LIVE_VERSION) -> Row | None:
        """Return a row, the draft of this version where there is one."""
        if key is None:
            return None
        draft = self._drafts.get((name, key, version)) if version != LIVE_VERSION else None
        return draft if draft is not None else self._rows[name].get(key)

    def rows(self, name: str, version: str = LIVE_VERSION) -> Iterator[Row]:
        """Yield the rows of an entity, drafts of a version in the place of their live rows."""
        for key, row in self._rows[name].items():
            yield row if version == LIVE_VERSION else self._drafts.get((name, key, version), row)

    def those_of(self, name: str, key: str, value: str) -> list[Row]:
        """Return the rows whose ``key`` is ``value``, in the order in which they were made."""
        return [self._rows[name][one] for one in self._index[name, key].get(value, ())]

    def related(self, entity: Entity, row: Row, name: str, version: str = LIVE_VERSION) -> list[Row]:
        """Return what an association of a row leads to: none, one or many."""
        association = entity.associations[name]
        keys: list[str | None] = []
        if association.kind == "one":
            keys.append(row.get(association.key))
        elif association.kind == "listed":
            keys += row.get(association.key) or ()
        else:
            # Without a sort of its own an association comes as the database keeps it: by id, which is by chance.
            keys += sorted(self._index[association.entity, association.key].get(row["id"], ()))
        found = [self.get(association.entity, key, version) for key in keys]
        return [one for one in found if one is not None]
