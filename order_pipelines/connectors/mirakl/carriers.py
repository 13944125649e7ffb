"""What people call a carrier, in the words of one operator (SH21), and their reason codes (RE02)."""

import re
from collections.abc import Mapping

from order_pipelines.connectors.mirakl.client import MiraklClient, objects, part, sound_id
from order_pipelines.connectors.ports import WriteResult

CARRIERS_PATH = "/api/shipping/carriers"
REASONS_PATH = "/api/reasons"
CANCELATION = "CANCELATION"
REFUND = "REFUND"


class Words:
    """An operator's carriers and reasons, read once for the life of a connector."""

    def __init__(self, client: MiraklClient) -> None:
        self._client = client
        self._carriers: list[tuple[str, str]] | None = None
        self._reasons: dict[str, list[tuple[str, str]]] = {}

    def carrier(self, name: str, tracking: str | None) -> dict[str, str]:
        """Return a carrier as Mirakl takes it: code and name when it is registered, else name and address.

        Raises:
            ConnectorError: the operator's carriers cannot be read.
        """
        named = {_plain(ours): theirs for ours, theirs in self._client.options.carriers.items()}
        wanted = named.get(_plain(name), name)
        if wanted.startswith(("https://", "http://")):
            return {"carrier_name": name, "carrier_url": wanted.replace("{trackingId}", tracking or "")}
        if self._carriers is None:
            self._carriers = self._read(CARRIERS_PATH, "SH21", "carriers")
        for code, label in self._carriers:
            if _plain(wanted) in (_plain(code), _plain(label)):
                return {"carrier_code": code, "carrier_name": label}
        return {"carrier_name": wanted}

    def reason(self, kind: str, said: str, default: str | None) -> str | WriteResult:
        """Return the operator's reason code for what was said, by code or label, else the account's default.

        Nothing is guessed: without either, the write is ``rejected`` with the codes that the operator takes.

        Raises:
            ConnectorError: the operator's reasons cannot be read.
        """
        for code, label in self.reasons(kind):
            if _plain(said) in (_plain(code), _plain(label)):
                return code
        if default is not None:
            return default
        known = ", ".join(f"{code} ({label})" for code, label in self._reasons[kind])
        return WriteResult(
            "rejected", reason=f"{said} is no reason that this operator knows; it takes {known}"
        )

    def reasons(self, kind: str) -> list[tuple[str, str]]:
        """Return code and label of the reasons that the operator takes for a kind of decision.

        Raises:
            ConnectorError: they cannot be read.
        """
        if kind not in self._reasons:
            self._reasons[kind] = self._read(f"{REASONS_PATH}/{part(kind)}", "RE02", "reasons")
        return self._reasons[kind]

    def _read(self, path: str, operation: str, member: str) -> list[tuple[str, str]]:
        content = self._client.read_object(self._client.get(path, operation=operation), path)
        entries = content.get(member)
        if not isinstance(entries, list):
            raise self._client.broken_contract(path, f"the answer must have a list '{member}'")
        found = []
        for entry in objects(entries):
            code = sound_id(entry.get("code"))
            if code is not None:
                found.append((code, _label(entry, code)))
        return found


def _label(entry: Mapping[str, object], code: str) -> str:
    label = entry.get("label")
    return label if isinstance(label, str) and label else code


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())
