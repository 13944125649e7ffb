"""What people call a carrier, and a reason, in the words that bol takes. Data.

Codes are those of bol's last published list (2024; contract digest, section 5); the 2026 specification types the
code as free text, but bol is said to refuse unknown ones still.
"""

import re

OTHER = "OTHER"

CODES = (
    "TNT", "TNT-EXTRA", "TNT_BRIEF", "TNT-EXPRESS", "BRIEFPOST", "DHL", "DHLFORYOU", "DHL_DE", "DHL-GLOBAL-MAIL",
    "DPD-NL", "DPD-BE", "BPOST_BE", "BPOST_BRIEF", "GLS", "UPS", "FEDEX_NL", "FEDEX_BE", "DYL", "TSN", "FIEGE",
    "TRANSMISSION", "PARCEL-NL", "LOGOIX", "PACKS", "COURIER", "TRUNKRS", "CYCLOON", OTHER,
)  # fmt: skip

# Names without case, spaces and signs. TNT is what PostNL was called when bol made its list.
_NAMES = {
    "postnl": "TNT",
    "postnlpakket": "TNT",
    "postnlpakketten": "TNT",
    "postnlextra": "TNT-EXTRA",
    "postnlbrievenbus": "TNT_BRIEF",
    "postnlbrievenbuspakje": "TNT_BRIEF",
    "postnlbrief": "BRIEFPOST",
    "brief": "BRIEFPOST",
    "brievenpost": "BRIEFPOST",
    "dhlparcel": "DHL",
    "dhlecommerce": "DHL",
    "dhlpakket": "DHL",
    "dhlduitsland": "DHL_DE",
    "dhlgermany": "DHL_DE",
    "dhlglobal": "DHL-GLOBAL-MAIL",
    "dpd": "DPD-NL",
    "dpdnederland": "DPD-NL",
    "dpdbelgie": "DPD-BE",
    "dpdbelgië": "DPD-BE",
    "dpdbelgium": "DPD-BE",
    "bpost": "BPOST_BE",
    "bpostpakket": "BPOST_BE",
    "glsnederland": "GLS",
    "glsnl": "GLS",
    "glsbe": "GLS",
    "fedex": "FEDEX_NL",
    "fedexbelgie": "FEDEX_BE",
    "fedexbelgië": "FEDEX_BE",
    "dynalogic": "DYL",
    "koerier": "COURIER",
    "fietskoerier": "CYCLOON",
    "fietskoeriers": "CYCLOON",
    **{re.sub(r"[^a-z0-9]", "", code.lower()): code for code in CODES},
}

CANCEL_REASONS = (
    "OUT_OF_STOCK", "REQUESTED_BY_CUSTOMER", "BAD_CONDITION", "HIGHER_SHIPCOST", "INCORRECT_PRICE",
    "NOT_AVAIL_IN_TIME", "NO_BOL_GUARANTEE", "ORDERED_TWICE", "RETAIN_ITEM", "TECH_ISSUE", "UNFINDABLE_ITEM", OTHER,
)  # fmt: skip


def transporter_code(carrier: str) -> str:
    """Return bol's code for a carrier's name, ``OTHER`` when nobody knows it."""
    return _NAMES.get(re.sub(r"[\W_]", "", carrier.lower()), OTHER)


def cancel_reason(reason: str) -> str:
    """Return bol's code for a reason written like it (``out of stock``), ``OTHER`` for any other words."""
    code = re.sub(r"[\W_]+", "_", reason.strip().upper())
    return code if code in CANCEL_REASONS else OTHER
