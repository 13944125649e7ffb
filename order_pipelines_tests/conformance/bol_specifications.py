"""bol's published specifications, where they are wrong, and which of them a call belongs to."""

from pathlib import Path

from order_pipelines_tests.conformance.exchanges import Exchange
from order_pipelines_tests.conformance.spec import KnownError, Specification

V10, V11 = "application/vnd.retailer.v10+json", "application/vnd.retailer.v11+json"


_PROBLEM_WITHOUT_VIOLATIONS = ["type", "title", "status", "detail"]


def _empty_page(schema: str, member: str) -> KnownError:
    return KnownError(
        f"the page after the last of {schema}",
        f"an empty page comes as {{}} (documented with the lists), while {member} is marked as required",
        ("components", "schemas", schema, "required"),
        [],
    )


RETAILER_ERRORS = (
    _empty_page("ReducedOrders", "orders"),
    _empty_page("ShipmentsResponse", "shipments"),
    _empty_page("ReturnsResponse", "returns"),
    KnownError(
        "violations of a problem",
        "a 404 comes without violations, while they are marked as required",
        ("components", "schemas", "Problem", "required"),
        _PROBLEM_WITHOUT_VIOLATIONS,
        ("GET", "/retailer/orders/{order-id}", 404, "bol/error_404_order.json"),
    ),
    KnownError(
        "the method of a link",
        "links of a process status say which method they take, which the schema does not know",
        ("components", "schemas", "Link", "properties", "method"),
        {"type": "string"},
        ("POST", "/retailer/shipments", 202, "bol/create_shipment_response_202.json"),
    ),
)
SHARED_ERRORS = (
    KnownError(
        "violations of a problem",
        "a 404 comes without violations, while they are marked as required",
        ("components", "schemas", "Problem", "required"),
        _PROBLEM_WITHOUT_VIOLATIONS,
    ),
    KnownError(
        "the method of a link",
        "links of a process status say which method they take, which the schema does not know",
        ("components", "schemas", "Link", "properties", "method"),
        {"type": "string"},
        ("GET", "/shared/process-status/{process-status-id}", 200, "bol/process_status_pending.json"),
    ),
)
OFFER_ERRORS: tuple[KnownError, ...] = ()


class BolSpecifications:
    """All of bol's documents in use. Offers exist in v10 and v11: the media type tells which."""

    def __init__(self, specs: Path) -> None:
        self.retailer = Specification(specs / "bol" / "retailer-v10.json", RETAILER_ERRORS)
        self.shared = Specification(specs / "bol" / "shared-v10.json", SHARED_ERRORS)
        self.offers = Specification(specs / "bol" / "offers-v11.json", OFFER_ERRORS)

    def of(self, exchange: Exchange) -> Specification:
        """Return the document that a call belongs to."""
        if exchange.path.startswith("/shared/"):
            return self.shared
        if exchange.path.startswith("/retailer/offers") and not self._speaks_v10(exchange):
            return self.offers
        return self.retailer

    def _speaks_v10(self, exchange: Exchange) -> bool:
        return V10 in (exchange.media_type, exchange.sent_media_type)

    def problems(self, exchange: Exchange) -> list[str]:
        """Return what is wrong with a call or its answer."""
        return self.of(exchange).problems(exchange)

    def name_of(self, exchange: Exchange) -> str:
        """Return the call as method, path template and status."""
        template = self.of(exchange).find(exchange.method, exchange.path)
        return f"{exchange.method} {template or exchange.path} {exchange.status}"
