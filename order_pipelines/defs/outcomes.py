"""From what services report to what Dagster shows: results, checks, and failures that say whether to try again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import duckdb
import psycopg
import sqlalchemy as sa

from order_pipelines.defs.samples import markdown_table
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.warehouse.engine import WarehouseBusyError

# What Dagster's run retries read. Set on the run that failed for good, because nobody knows it before.
NO_MORE_RETRIES = {"dagster/max_retries": "0", "dagster/retry_on_asset_or_op_failure": "false"}
# Room for a reason with what to do about it: the end of the sentence is what a person came for.
_WIDEST_PROBLEM = 600


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done for one account.

    Args:
        account: its name.
        counts: numbers for people, by what they count.
        problem: what went wrong, ``None`` when nothing did; our own words, no payload.
        is_failed: nothing could be done for the account (else the problem only needs a look).
        is_retryable: trying again may help.
    """

    account: str
    counts: Mapping[str, int] = field(default_factory=dict)
    problem: str | None = None
    is_failed: bool = False
    is_retryable: bool = True


def retry_policy(delay_s: float) -> dg.RetryPolicy:
    """Return how steps that talk to others or wait for a lock are tried again: twice, further apart."""
    return dg.RetryPolicy(
        max_retries=2, delay=delay_s, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
    )


def failure(context: Any, message: str, *, is_retryable: bool, metadata: dict[str, Any]) -> dg.Failure:
    """Return the failure to raise; one that is permanent also stops the retries of the whole run."""
    if not is_retryable:
        context.instance.add_run_tags(context.run.run_id, NO_MORE_RETRIES)
    return dg.Failure(description=message, metadata=metadata, allow_retries=is_retryable)


@contextmanager
def failing_clearly(context: Any) -> Iterator[None]:
    """Turn errors of the product into failures that Dagster retries or not. Causes stay out of the event log.

    A driver's text may hold the row it failed at, so that only its kind is told.
    """
    try:
        yield
    except OrderPipelinesError as error:
        again = bool(getattr(error, "retryable", False)) or isinstance(error, WarehouseBusyError)
        raise failure(context, str(error), is_retryable=again, metadata={}) from None
    except sa.exc.SQLAlchemyError as error:
        again = isinstance(error, sa.exc.OperationalError | sa.exc.TimeoutError)
        kind = type(getattr(error, "orig", None) or error).__name__
        message = f"the operations store refused a statement ({kind}); its own log says more"
        raise failure(context, message, is_retryable=again, metadata={}) from None
    except (duckdb.Error, psycopg.Error) as error:
        message = f"the warehouse refused a statement ({type(error).__name__}); its own log says more"
        raise failure(context, message, is_retryable=False, metadata={}) from None
    except OSError as error:
        if error.strerror is None:
            raise
        # Without the file's name: of a dropped file it may be a customer's.
        message = f"a file could not be read or written: {error.strerror}; tried again"
        raise failure(context, message, is_retryable=True, metadata={}) from None


def served_check(key: dg.AssetKey, verb: str) -> dg.AssetCheckSpec:
    """Return the check that names accounts which could not be served; it blocks nothing."""
    return dg.AssetCheckSpec(
        f"{key.path[-1]}_every_account_{verb}",
        asset=key,
        description="Every enabled account was served; an account that was not is named with the reason.",
    )


def materialized(
    context: Any,
    key: dg.AssetKey,
    outcomes: Sequence[Outcome],
    check: dg.AssetCheckSpec,
    *,
    row_count: int,
    extra: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult[Any]:
    """Return the result of an asset that served several accounts, with the check that names the unserved.

    Raises:
        dg.Failure: nothing could be done for any account; permanent when no account's problem is of the moment.
    """
    table = markdown_table(
        [{"account": each.account, **each.counts, "problem": each.problem or ""} for each in outcomes],
        widest=_WIDEST_PROBLEM,
    )
    if outcomes and all(each.is_failed for each in outcomes):
        message = "; ".join(f"{each.account}: {each.problem}" for each in outcomes)
        again = any(each.is_retryable for each in outcomes)
        raise failure(context, message, is_retryable=again, metadata={"accounts": dg.MetadataValue.md(table)})
    totals: dict[str, int] = {}
    for each in outcomes:
        for name, count in each.counts.items():
            totals[name] = totals.get(name, 0) + count
        if each.problem is not None:
            context.log.warning("%s: %s", each.account, each.problem)
    problems = [each for each in outcomes if each.problem is not None]
    context.log.info(
        "%s: %s", "/".join(key.path), ", ".join(f"{count} {name}" for name, count in totals.items())
    )
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "dagster/row_count": row_count,
            **{f"order_pipelines/{name}": count for name, count in totals.items()},
            "order_pipelines/accounts": len(outcomes),
            "accounts": dg.MetadataValue.md(table),
            **(extra or {}),
        },
        check_results=[
            dg.AssetCheckResult(
                passed=not problems,
                asset_key=key,
                check_name=check.name,
                severity=dg.AssetCheckSeverity.ERROR,
                description="; ".join(f"{each.account}: {each.problem}" for each in problems) or None,
                metadata={
                    "accounts_with_a_problem": len(problems),
                    "problems": dg.MetadataValue.md(
                        markdown_table(
                            [{"account": each.account, "problem": each.problem} for each in problems],
                            widest=_WIDEST_PROBLEM,
                        )
                    ),
                },
            )
        ],
    )
