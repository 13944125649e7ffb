"""An installed Chromium: found, or installed by the system's own package tool, never downloaded by Playwright.

``python -m order_pipelines_tests.browser.chromium`` prints its path, after installing it where there is none and the
user may: as root with apt-get. It says what is missing otherwise.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The last ones keep it from calling anybody: these pages are all on this machine.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_WITHOUT_HOST = frozenset({"about", "blob", "data", "file"})


def find() -> str | None:
    """Return the path of an installed Chromium, if there is one.

    Raises:
        SystemExit: the variable ``CHROMIUM`` names something that is no program.
    """
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else _NAMES:
        if found := shutil.which(name):
            return found
    if named:
        raise SystemExit(f"CHROMIUM={named} is no program")
    return None


def find_or_explain() -> str:
    """Return the path of an installed Chromium.

    Raises:
        SystemExit: there is none; says what to do.
    """
    found = find()
    if found is None:
        raise SystemExit(
            "no Chromium was found: install it (Debian: apt-get install chromium; as root 'make browser' does it), "
            "or name one: CHROMIUM=/path/to/chromium"
        )
    return found


def install() -> None:
    """Install the system's Chromium where that is possible without asking anybody: as root, with apt-get."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    sys.stderr.write("no Chromium was found; installing Debian's with apt-get\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        finished = subprocess.run(
            command,
            env=environment,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if finished.returncode:
            raise SystemExit(
                f"'{' '.join(command)}' failed; the end of what it said:\n{finished.stderr[-800:]}"
            )


@dataclass
class Watched:
    """What a browser's pages complained of and where they reached, in the order in which it happened."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, context: BrowserContext) -> None:
        """Listen to all pages of a context."""
        context.on("page", self._listen)

    def _listen(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("request", self._asked)
        page.on("websocket", lambda socket: self._reached(socket.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.page.url if message.page else '?'}: {message.text}")

    def _asked(self, request: Request) -> None:
        self._reached(request.url)

    def _reached(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _WITHOUT_HOST:
            self.hosts.add(parts.hostname or url)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a headless Chromium for the block."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_or_explain(), args=_FLAGS)
        try:
            yield launched
        finally:
            launched.close()


def main() -> None:
    """Print the path of a Chromium, after installing one where that is possible."""
    if find() is None:
        install()
    sys.stdout.write(f"{find_or_explain()}\n")


if __name__ == "__main__":
    main()
