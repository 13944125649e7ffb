"""A file of any accepted kind, told by its content, to tables of cells."""

from order_pipelines.connectors.b2b_files.cells import Source, Table
from order_pipelines.connectors.b2b_files.options import FileLimits
from order_pipelines.connectors.b2b_files.sheet_table import read_workbook
from order_pipelines.connectors.b2b_files.text_table import TextTable

_REFUSED = (
    (b"\xd0\xcf\x11\xe0", "is an old .xls file or a workbook with a password; save it as .xlsx without one"),
    (b"%PDF", "is a PDF; ask for the order as .xlsx or .csv"),
    (b"Rar!", "is an archive; drop the order itself"),
    (b"7z\xbc\xaf", "is an archive; drop the order itself"),
)


def read_tables(source: Source, limits: FileLimits, *, encoding: str | None = None) -> list[Table]:
    """Return the tables of a file: each visible sheet of a workbook, or the one table of a text file.

    The content decides what it is, never the name. Nothing of the rows is held.

    Raises:
        DataContractError: empty, damaged, cut off, too large or of a kind that is not read; says what and where.
    """
    size = source.size()
    if size == 0:
        raise source.fail("is empty")
    if size > limits.max_file_bytes:
        raise source.fail(f"is larger than {limits.max_file_bytes} bytes; split it")
    with source.open() as stream:
        head = stream.read(8)
    for magic, reason in _REFUSED:
        if head.startswith(magic):
            raise source.fail(reason)
    if head.startswith(b"PK"):
        return list(read_workbook(source, limits))
    return [TextTable(source, limits, encoding)]
