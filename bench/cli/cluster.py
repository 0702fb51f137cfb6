"""`bench cancel`, `bench cluster check`: the cluster that this machine submits to."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app, say
from bench.cli.options import ProfileName, ProfileValues, ResultsDir, RunIds
from bench.errors import BenchError


@app.command()
def cancel(
    runs: RunIds = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are queued or running.")] = False,
    results: ResultsDir = RESULTS,
) -> None:
    """Cancel runs and extractions that were submitted to a cluster.

    `--retry-failed` submits runs again; the same `bench extract` goes on where it was.
    """
    from bench.cluster.cancel import cancel as cancel_submitted
    from bench.store.runs import RunStore

    if bool(runs) == all_:
        raise BenchError("Name the runs to cancel, or give --all (not both); `bench status` lists what is running.")
    cancelled = cancel_submitted(runs or [], RunStore(results))
    say("\n".join([*cancelled, f"{len(cancelled)} cancelled."]))


cluster_app = typer.Typer(help="The cluster that this machine submits to.", no_args_is_help=True)
app.add_typer(cluster_app, name="cluster")


@cluster_app.callback()
def _cluster() -> None:
    """Keep `check` a verb of its own."""


@cluster_app.command("check")
def cluster_check(profile: ProfileName = "cpu", slurm: ProfileValues = None) -> None:
    """Print what the cluster offers, and what of a profile it would refuse. Submits nothing."""
    from bench.cluster.profiles import check, load_profile
    from bench.show.printing import make_console, print_raw

    text, refused = check(load_profile(profile, slurm or ()))
    print_raw(make_console(), text)
    raise typer.Exit(EXIT_FAILED if refused else 0)
