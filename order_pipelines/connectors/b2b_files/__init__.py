"""Wholesale files: orders, stock counts and shipments that people make in spreadsheets or export from other systems."""

from order_pipelines.connectors.b2b_files.interpreter import file_interpreter, interpreter
from order_pipelines.connectors.b2b_files.options import check_options
from order_pipelines.connectors.ports import Connector

CONNECTOR = Connector(
    system="b2b_files",
    title="Wholesale files (CSV, XLSX)",
    entities=("orders", "stock_counts", "shipments"),
    check_options=check_options,
    interpreter=interpreter,
    file_interpreter=file_interpreter,
)
