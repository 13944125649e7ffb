"""Wholesale files: orders, stock, shipments and supplies, made in spreadsheets or exported from other systems."""

from order_pipelines.connectors.b2b_files.interpreter import file_interpreter, interpreter
from order_pipelines.connectors.b2b_files.options import KINDS, check_options
from order_pipelines.connectors.ports import Connector

CONNECTOR = Connector(
    system="b2b_files",
    title="Wholesale files (CSV, XLSX)",
    entities=KINDS,
    check_options=check_options,
    interpreter=interpreter,
    file_interpreter=file_interpreter,
)
