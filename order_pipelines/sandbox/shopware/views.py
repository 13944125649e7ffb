"""How rows are shown: as plain JSON, or as JSON:API for whoever does not ask for anything."""

from typing import Any

from order_pipelines.sandbox.shopware.criteria import Criteria, Reader
from order_pipelines.sandbox.shopware.schema import Entity
from order_pipelines.sandbox.shopware.store import Row

_TRANSLATED = ("name", "description", "customFields", "trackingUrl", "distinguishableName", "shortName")


def plain(criteria: Criteria, row: Row, reader: Reader, includes: dict[str, list[str]]) -> dict[str, Any]:
    """Return a row as plain JSON; what is associated only where it was asked for, else null."""
    entity = criteria.entity
    row = reader.shown(entity, row)
    shown = _attributes(entity, row)
    for name, association in entity.associations.items():
        nested = criteria.associations.get(name)
        if nested is None:
            shown[name] = None
            continue
        rows = [plain(nested, one, reader, includes) for one in reader.related(criteria, row, name)]
        shown[name] = rows if association.is_list else next(iter(rows), None)
    shown["extensions"] = {}
    shown["apiAlias"] = entity.name
    result: dict[str, Any] = _chosen(shown, includes)
    return result


def json_api(
    criteria: Criteria,
    row: Row,
    reader: Reader,
    includes: dict[str, list[str]],
    address: str,
    included: dict[tuple[str, str], dict[str, Any]],
) -> dict[str, Any]:
    """Return a row as a resource; what is associated goes into ``included``, once each."""
    entity = criteria.entity
    row = reader.shown(entity, row)
    own = f"{address}/api/{entity.path}/{row['id']}"
    relationships: dict[str, Any] = {}
    for name, association in entity.associations.items():
        nested = criteria.associations.get(name)
        rows = [] if nested is None else reader.related(criteria, row, name)
        linked = [{"type": association.entity, "id": one["id"]} for one in rows]
        relationships[name] = {
            "data": linked if association.is_list else next(iter(linked), None),
            "links": {"related": f"{own}/{_dashed(name)}"},
        }
        for one in rows if nested is not None else ():
            key = (association.entity, str(one["id"]))
            if key not in included and nested is not None:
                included[key] = {}
                included[key] = json_api(nested, one, reader, includes, address, included)
    return {
        "id": row["id"],
        "type": entity.name,
        "attributes": _chosen(_attributes(entity, row) | {"apiAlias": entity.name}, includes),
        "links": {"self": own},
        "relationships": relationships,
        "meta": None,
    }


def whole_page(
    criteria: Criteria, rows: list[Row], total: int, reader: Reader, address: str, *, is_plain: bool
) -> dict[str, Any]:
    """Return the answer of a search."""
    if is_plain:
        return {
            "total": total,
            "data": [plain(criteria, row, reader, criteria.includes) for row in rows],
            "aggregations": [],
        }
    included: dict[tuple[str, str], dict[str, Any]] = {}
    data = [json_api(criteria, row, reader, criteria.includes, address, included) for row in rows]
    here = f"{address}/api/search/{criteria.entity.path}"
    page = f"{here}?limit={criteria.limit or len(rows)}&page="
    return {
        "data": data,
        "included": list(included.values()),
        "links": {"first": f"{page}1", "last": f"{page}{criteria.page}", "self": here},
        "meta": {"totalCountMode": criteria.total_count_mode, "total": total},
        "aggregations": [],
    }


def _attributes(entity: Entity, row: Row) -> dict[str, Any]:
    shown = {name: row.get(name) for name in entity.fields}
    if entity.is_translated:
        shown["translated"] = {
            name: (row.get(name) if name != "customFields" else row.get(name) or {})
            for name in _TRANSLATED
            if name in entity.fields
        }
    return shown


def _chosen(value: Any, includes: dict[str, list[str]]) -> Any:
    """Return a value with the members that ``includes`` names for its kind; without a word on a kind with all."""
    if not includes:
        return value
    if isinstance(value, list):
        return [_chosen(one, includes) for one in value]
    if not isinstance(value, dict):
        return value
    wanted = includes.get(str(value.get("apiAlias")))
    kept = {
        name: one for name, one in value.items() if wanted is None or name == "apiAlias" or name in wanted
    }
    return {name: _chosen(one, includes) for name, one in kept.items()}


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
