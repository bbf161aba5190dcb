"""Units of a soak on a Dask cluster (the extra ``dask``): the same units, run elsewhere."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from ..ports.process import Limits
from .rows import Result
from .units import Plan, run_unit


def run_units(
    client: Any,
    plan: Plan,
    units: Iterable[int],
    limits: Limits | None = None,
    *,
    ahead: int = 2,
) -> Iterator[Result]:
    """Results of ``units`` in the order in which they are done.

    Parameters
    ----------
    client : distributed.Client
        Client of a running cluster; asgd and the port must be installed on its workers.
    plan : Plan
        What is verified.
    units : iterable of int
        Units; it may be endless.
    limits : Limits, optional
        What the port may take; one for the whole run is the caller's.
    ahead : int
        Units submitted for each thread of the cluster.
    """
    from distributed import as_completed  # noqa: PLC0415 - an extra

    waiting = iter(units)
    # The clock of a limit is this machine's.
    there = None if limits is None else replace(limits, seconds=None)
    threads = sum(client.nthreads().values())
    pending = as_completed([])

    def submit(unit: int) -> None:
        # Not pure: a unit that was computed before is computed again, not remembered.
        pending.add(client.submit(run_unit, plan, unit, there, pure=False))

    for unit in islice(waiting, max(1, ahead * threads)):
        submit(unit)
    for future in pending:
        yield future.result()
        for following in islice(waiting, 1):
            submit(following)
