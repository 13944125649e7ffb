"""What the scripts of published clients share; uses the standard library alone, for it runs in their environments."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

given: dict[str, Any] = json.loads(sys.stdin.read())
"""What the test hands in: ``row`` (the account as the sandbox describes it), ``control`` (its port) and more."""


def control(method: str, path: str, body: Any = None) -> Any:
    """Call the sandbox's control port."""
    request = urllib.request.Request(
        f"{given['control']}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def pass_time(seconds: float) -> None:
    """Let time pass outside."""
    control("POST", "/clock", {"advance_s": seconds})


def refusal(call: Callable[[], Any], kind: type[Exception]) -> str:
    """Return the client's error by name, with the status where it has one."""
    try:
        call()
    except kind as refused:
        status = getattr(refused, "code", None) or getattr(
            getattr(refused, "response", None), "status_code", None
        )
        return type(refused).__name__ if status is None else f"{type(refused).__name__} {status}"
    return "was not refused"


def tell(result: Any) -> None:
    """Print what the client got; decimals and times as text."""
    sys.stdout.write(json.dumps(result, default=str))
