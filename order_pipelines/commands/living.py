"""``live``: the fast lane, until it is told to stop."""

import logging
import os
import sys

import click

from order_pipelines.commands.common import plain_store_errors, settings_of


@click.command("live")
@click.option("--host", metavar="ADDRESS", help="Where to listen (default: live.host, the loopback).")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="On which port (default: live.port); 0: any free one."
)
@click.pass_context
def live_command(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Take webhooks and polls in and send stock out at once, until SIGTERM or Ctrl-C.

    Several at once share the accounts; Dagster's schedules may run beside it.
    """
    from order_pipelines.live.run import run_live

    settings = settings_of(ctx)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("order_pipelines").setLevel(logging.INFO)
    listen = settings.live.host if host is None else host, settings.live.port if port is None else port
    with plain_store_errors():
        hanging = run_live(settings, *listen, click.echo)
    if hanging:
        # A call to a system that does not answer would keep the process for as long as its deadline is.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
