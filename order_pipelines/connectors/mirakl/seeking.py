"""Seek paging: ``limit`` and an opaque ``page_token``; the list ends where the token is null or absent."""

from collections.abc import Iterator, Mapping
from typing import Any

from order_pipelines.connectors.mirakl.client import MAX_PAGES, PAGE_SIZE, MiraklClient, Params
from order_pipelines.errors import PermanentConnectorError


def seek(client: MiraklClient, path: str, params: Params, *, operation: str) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of a listing. Its first page counts as one call of the operation.

    A token that expired between two pages (400) begins the listing anew, once: entries may come twice.

    Raises:
        PermanentConnectorError: a page is not what Mirakl documents, or the pages do not end.
        TransientConnectorError: not now.
    """
    query: Params = {**params, "limit": PAGE_SIZE}
    seen: set[str] = set()
    has_begun_anew = False
    called = operation
    for _ in range(MAX_PAGES):
        try:
            answer = client.get(path, operation=called, params=query)
        except PermanentConnectorError as error:
            if "page_token" not in query or error.status not in (400, 404, 410) or has_begun_anew:
                raise
            has_begun_anew = True
            query = {**params, "limit": PAGE_SIZE}
            seen.clear()
            continue
        called = f"{operation} pages"
        content = client.read_object(answer, path)
        entries = content.get("data")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise client.broken_contract(path, "a page must have a list 'data' of objects")
        yield from entries
        token = content.get("next_page_token")
        if not isinstance(token, str) or not token:
            return
        if token in seen:
            raise client.broken_contract(path, "a page token came twice; the list does not end")
        seen.add(token)
        query = {**params, "limit": PAGE_SIZE, "page_token": token}
    raise client.broken_contract(path, f"more than {MAX_PAGES} pages; the list does not end")
