"""Calls the Exact Online stand-in so that it gives every answer that it has."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import requests

from order_pipelines.sandbox.exact_online.schema import RESOURCES
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.conformance.exchanges import RecordedSandbox
from order_pipelines_tests.sandbox.exact_online_server import (
    BOL_MAIN,
    ExactUser,
    StandingClock,
    entry,
    logged_in,
)

REDIRECT = "https://winkel.example/exact"
FAULTS = ("401", "403", "404", "406", "429", "429_without_retry_after", "500", "500_json", "503")
_ENTRIES = "salesentry/SalesEntries"
_ACCOUNTS = "crm/Accounts"
_AN_HOUR_S = 3601


@dataclass(frozen=True)
class Call:
    """One call below a division, and how it is said wrongly."""

    method: str
    path: str
    body: Any = None
    bad_body: Any = None


@contextmanager
def _user(sandbox: Sandbox) -> Iterator[ExactUser]:
    address = next(row["base_url"] for row in sandbox.systems() if row["system"] == "exact_online")
    with logged_in(sandbox.exact_online, StandingClock(), address) as user:
        yield user


def writes_of(sandbox: Sandbox, resource: str) -> list[tuple[str, str]]:
    """Return what can be written to a resource, as (method, key): found out by asking, for no table has it."""
    guid = RESOURCES[resource].fields[RESOURCES[resource].key].type == "Guid"
    key = "(guid'00000000-0000-4000-8000-000000000000')" if guid else "(0)"
    with _user(sandbox) as user:
        asked = [("POST", ""), ("PUT", key), ("DELETE", key), ("PATCH", key)]
        return [
            (method, "({})" if place else "")
            for method, place in asked
            if user.call(method, f"{{division}}/{resource}{place}", json=[]).status_code != 405
        ]


def drive_exact(sandbox: RecordedSandbox) -> None:
    """Every resource: as it should be, wrong, for nothing, without a good token, and with each fault."""
    with _user(sandbox) as user:
        for name, values in _calls(user).items():
            for call in values:
                _say_all_ways(sandbox, user, name, call)
        _ask_for_what_is_not_there(sandbox, user)
        _stay_within_limits(sandbox, user)
        _log_in(sandbox, user)


def _calls(user: ExactUser) -> dict[str, list[Call]]:
    """Return the good calls by resource; every row's own key is used."""
    made: dict[str, list[Call]] = {"current/Me": [Call("GET", "current/Me")]}
    posted = user.post_entry().json()["d"]["EntryID"]
    for path, entity in RESOURCES.items():
        if path == "current/Me":
            continue
        key = user.rows(path)[0][entity.key]
        place = f"guid'{key}'" if entity.fields[entity.key].type == "Guid" else str(key)
        made[path] = [Call("GET", path), Call("GET", f"{path}({place})")]
    made[_ENTRIES].append(Call("GET", f"{_ENTRIES}(guid'{posted}')/SalesEntryLines"))
    made[_ENTRIES].append(Call("POST", _ENTRIES, entry(), entry(Colour="red")))
    made[_ACCOUNTS].append(
        Call("POST", _ACCOUNTS, {"Name": "Theehuis", "Status": "C"}, {"Name": "Theehuis", "Colour": "red"})
    )
    made[_ACCOUNTS].append(
        Call("PUT", f"{_ACCOUNTS}(guid'{BOL_MAIN}')", {"City": "Zwolle"}, {"Colour": "red"})
    )
    return made


def _say(user: ExactUser, call: Call, **more: Any) -> requests.Response:
    place = call.path if call.path == "current/Me" else f"{{division}}/{call.path}"
    if call.body is not None:
        more.setdefault("json", call.body)
    return user.call(call.method, place, **more)


def _say_all_ways(sandbox: RecordedSandbox, user: ExactUser, resource: str, call: Call) -> None:
    _begin_an_hour(sandbox, user)
    _say(user, call)
    _say(user, call, headers={"Accept": "application/atom+xml"})
    _say(user, call, headers={"Authorization": "Bearer nothing"})
    if call.method == "GET":
        _say(user, call, params={"$select": "Colour"})
    else:
        _say(user, call, json=call.bad_body)
        _say(user, call, json=None, data="{}", headers={"Content-Type": "text/plain"})
    for fault in FAULTS:
        sandbox.exact_online.faults.add(Fault(fault, match=resource, method=call.method))
        # Whoever is told 406 has asked for something else than JSON.
        _say(user, call, headers={"Accept": "text/html" if fault == "406" else "application/json"})


def _begin_an_hour(sandbox: RecordedSandbox, user: ExactUser) -> None:
    """Ten errors at an endpoint block it for an hour, so each call gets an hour of its own; tokens die meanwhile."""
    sandbox.clock.set_offset(sandbox.clock.offset_s + _AN_HOUR_S)
    user.log_in()


def _ask_for_what_is_not_there(sandbox: RecordedSandbox, user: ExactUser) -> None:
    _begin_an_hour(sandbox, user)
    nobody = "(guid'00000000-0000-4000-8000-00000000dead')"
    user.get(f"{_ENTRIES}{nobody}")
    user.get(f"{_ENTRIES}{nobody}/SalesEntryLines")
    user.call("PUT", f"{{division}}/{_ACCOUNTS}{nobody}", json={"City": "Zwolle"})
    user.get("nothing/Nothing")
    user.call("GET", "nothing")
    user.call("PATCH", f"{{division}}/{_ENTRIES}{nobody}", json={})
    user.get(_ENTRIES, filter="YourRef eq 'nothing'")
    user.get(_ENTRIES, expand="SalesEntryLines")
    # Refused by the books, not for its form.
    user.post_entry(YourRef="BOL-A2K8290LP8", Journal="99")
    user.post(_ACCOUNTS, {"Status": "C"})
    user.call("PUT", f"{{division}}/{_ACCOUNTS}(guid'{BOL_MAIN}')", json={"Name": " "})
    # Another division than the user may write to.
    user.call("GET", f"3456701/{_ENTRIES}")


def _stay_within_limits(sandbox: RecordedSandbox, user: ExactUser) -> None:
    """The mandatory filter, and an endpoint that is blocked after ten errors."""
    _begin_an_hour(sandbox, user)
    sandbox.exact_online.demand_filters()
    user.get(_ACCOUNTS)
    user.get(_ACCOUNTS, filter="Code eq '                 1'")
    sandbox.exact_online.demand_filters(on=False)
    for _ in range(10):
        user.get("financial/Journals", select="Colour")
    user.get("financial/Journals")


def _log_in(sandbox: RecordedSandbox, user: ExactUser) -> None:
    credentials = user.client
    asked = {
        "client_id": credentials["client_id"],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "state": "7",
    }
    consented = requests.get(
        f"{user.base_url}/api/oauth2/auth", params=asked, timeout=5, allow_redirects=False
    )
    code = consented.headers["Location"].partition("code=")[2].partition("&")[0]
    requests.get(f"{user.base_url}/api/oauth2/auth", params=asked | {"response_type": "token"}, timeout=5)
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    user.token_call(**form, code=unquote(code))
    user.token_call(**form, code="")
    refresh_token = user.log_in()
    # Too early, then a second time with a token that is used up: 400, 401.
    user.token_call(grant_type="password", refresh_token="")
    sandbox.clock.set_offset(sandbox.clock.offset_s + 580)
    user.refresh(refresh_token)
    user.refresh(refresh_token)
    for fault in ("429", "500", "503"):
        sandbox.exact_online.faults.add(Fault(fault, match="/oauth2/token"))
        user.refresh(refresh_token)
