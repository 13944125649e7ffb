"""``inspect``: what a connector makes of a payload, without stores and without settings."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from order_pipelines import clock
from order_pipelines.connectors.ports import Connector
from order_pipelines.domain.orders import Interpretation, Order, order_facts
from order_pipelines.errors import ConfigurationError, DataContractError

# What is read of an answer too (connectors/http.py): JSON takes many times its size in memory.
_LARGEST_PAYLOAD = 8 * 1024 * 1024


@click.command("inspect")
@click.argument("system")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--pretty", is_flag=True, help="Indent the JSON.")
def inspect_command(system: str, file: Path, pretty: bool) -> None:
    """Print what an order payload of SYSTEM means.

    SYSTEM is bol (JSON of the Retailer API), mirakl (JSON of the seller API), shopware (JSON of the Admin API) or
    b2b_files (CSV, .csv.gz, XLSX; columns are found by their headings). One order is printed as a JSON object, several
    as a list. Problems go to standard error. When nothing can be read, they say what is wrong and where, and the exit
    code is 1. Needs no settings and no store.
    """
    meaning = _read(_connector(system), file)
    for line in _remarks(meaning):
        click.echo(f"{file}: {line}", err=True)
    facts = _facts(meaning)
    if facts is None:
        if not meaning.rejects:
            click.echo(f"{file}: holds no order", err=True)
        raise click.exceptions.Exit(1)
    text = json.dumps(facts, ensure_ascii=False, indent=2 if pretty else None)
    # Bytes, so that a terminal or pipe of another encoding gets UTF-8 all the same.
    click.echo(f"{text}\n".encode(), nl=False)


def _connector(system: str) -> Connector:
    """Return one connector without importing the others: a connector's package is called as its system.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if system.isidentifier():
        try:
            found = getattr(import_module(f"order_pipelines.connectors.{system}"), "CONNECTOR", None)
        except ModuleNotFoundError:
            found = None
        if isinstance(found, Connector):
            return found
    from order_pipelines.connectors.registry import connector_of

    return connector_of(system)


def _read(connector: Connector, file: Path) -> Interpretation:
    """Return all that the file means.

    Raises:
        DataContractError: it cannot be read as a whole.
        ConfigurationError: nothing of that system can be inspected.
    """
    if not file.is_file():
        raise DataContractError(f"{file}: there is no such file")
    meaning = Interpretation()
    try:
        if connector.file_interpreter is not None:
            batches: Iterator[Interpretation] = connector.file_interpreter({})(file)
        elif connector.interpreter is not None:
            if file.stat().st_size > _LARGEST_PAYLOAD:
                raise DataContractError(
                    f"{file}: is larger than {_LARGEST_PAYLOAD} bytes; an order has thousands, give one page"
                )
            batches = iter([connector.interpreter({})(file.read_bytes(), kind="order", name=file.name)])
        else:
            raise ConfigurationError(f"{connector.title} sends no orders: there is nothing to inspect")
        for batch in batches:
            meaning.add(batch)
    except OSError as error:
        raise DataContractError(f"{file}: cannot be read: {error.strerror}") from error
    return meaning


def _facts(meaning: Interpretation) -> Any | None:
    """Return what is printed: order facts, or for files of other kinds their rows; ``None`` when there is nothing."""
    if meaning.orders:
        orders = [order_facts(order) for order in meaning.orders]
        return orders[0] if len(orders) == 1 else orders
    rows = {
        "stock_counts": [_row_facts(row) for row in meaning.stock_counts],
        "stock_corrections": [_row_facts(row) for row in meaning.stock_corrections],
        "shipments": [_row_facts(row) for row in meaning.shipments],
        "goods_movements": [_row_facts(row) for row in meaning.goods_movements],
        "purchase_orders": [_row_facts(row) for row in meaning.purchase_lines],
        "supplier_stock": [_row_facts(row) for row in meaning.supplier_offers],
        "bundles": [_row_facts(row) for row in meaning.bundle_parts],
    }
    return {kind: found for kind, found in rows.items() if found} or None


def _row_facts(row: Any) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(row).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.isoformat(value)
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else value


def _remarks(meaning: Interpretation) -> Iterator[str]:
    for reject in meaning.rejects:
        yield _remark(reject.problem.code, reject.problem.field, reject.row, reject.problem.reason)
    for order in meaning.orders:
        for problem in order.problems:
            yield f"order {_name(order)}: {_remark(problem.code, problem.field, None, problem.reason)}"


def _name(order: Order) -> str:
    return order.order_number or order.external_order_id


def _remark(code: str, field: str | None, row: int | None, reason: str) -> str:
    places = [f"row {row}"] if row is not None and f"row {row}" not in reason else []
    if field is not None and field not in reason:
        places.append(field)
    return f"{', '.join(places)}{': ' if places else ''}{reason} ({code})"
