"""Statements that bring staged rows into a table. Made from the declaration; the same text runs on both engines.

The staged rows are in a temporary table with the target's columns. Staged keys must be unique (:func:`duplicates`): an
engine would otherwise insert a new row twice.
"""

from order_pipelines.warehouse.columns import Table


def staging_name(table: Table) -> str:
    """Return the name of the temporary table that holds rows on their way into ``table``."""
    return f"staged_{table.name}"


def create_staging(table: Table) -> str:
    """Return the statement that makes the empty temporary table."""
    columns = ", ".join(table.column_names)
    return (
        f"create temporary table {staging_name(table)} as select {columns} from {table.full_name} where 1 = 0"
    )


def drop_staging(table: Table) -> str:
    """Return the statement that removes the temporary table."""
    return f"drop table {staging_name(table)}"


def duplicates(table: Table) -> str:
    """Return the select of keys that were staged more than once; must give no row."""
    names = ", ".join(table.key)
    return f"select {names} from {staging_name(table)} group by {names} having count(*) > 1 limit 3"


def merge(table: Table, *, bound: str | None = None) -> str:
    """Return the merge of the staged rows: new keys inserted, rows that differ updated, equal ones left alone.

    Args:
        table: the target.
        bound: a condition on ``kept`` with a literal, such as ``kept.placed_at >= …``, that every row to be met
            satisfies. With random keys it keeps the engine from reading the whole table.
    """
    on = _keys_equal(table, "kept", "staged")
    if bound is not None:
        on = f"{on} and {bound}"
    names = table.column_names
    others = [name for name in names if name not in table.key]
    matched = ""
    if others:
        differs = "\n    or ".join(f"kept.{name} is distinct from staged.{name}" for name in others)
        values = ",\n    ".join(f"{name} = staged.{name}" for name in others)
        matched = f"when matched and (\n    {differs}\n) then update set\n    {values}\n"
    return (
        f"merge into {table.full_name} as kept\nusing {staging_name(table)} as staged\non {on}\n{matched}"
        f"when not matched then insert ({', '.join(names)})\n"
        f"values ({', '.join(f'staged.{name}' for name in names)})"
    )


def delete_vanished(child: Table, parent: Table, *, bound: str | None = None) -> str:
    """Return the delete of child rows whose parent was staged and which were not staged themselves.

    The parent's key is part of the child's columns. Written with ``using``: a correlated delete is 36 times slower on
    DuckDB at ten million rows.
    """
    parent_equal = _keys_equal(parent, "gone", "parent")
    child_equal = _keys_equal(child, "gone", "staged")
    condition = "" if bound is None else f" and {bound.replace('kept.', 'gone.')}"
    names = ", ".join(f"gone.{name}" for name in child.key)
    return (
        f"delete from {child.full_name} as kept\nusing (\n    select {names}\n    from {child.full_name} as gone\n"
        f"    inner join {staging_name(parent)} as parent on {parent_equal}{condition}\n"
        f"    left join {staging_name(child)} as staged on {child_equal}\n"
        f"    where staged.{child.key[0]} is null\n) as vanished\n"
        f"where {_keys_equal(child, 'kept', 'vanished')}"
        f"{'' if bound is None else f' and {bound}'}"
    )


def _keys_equal(table: Table, left: str, right: str) -> str:
    return " and ".join(f"{left}.{name} = {right}.{name}" for name in table.key)
