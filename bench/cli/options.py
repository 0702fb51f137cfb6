"""Options that verbs share, each written once; those of execution as one bundle."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from bench.cli import completion
from bench.execute.machine import require_device
from bench.store.files import expanded


def path_option(*names: str, **settings: Any) -> Any:
    """An option that is a path: `--results=~/runs` too, which no shell expands, begins at home."""
    return typer.Option(*names, callback=lambda path: path and expanded(path), **settings)


ResultsDir = Annotated[Path, path_option("--results", help="Folder of the runs.")]
DataDir = Annotated[Path, path_option(envvar="BENCH_DATA_DIR", help="Where data sets are, or are downloaded to.")]
Models = Annotated[
    str | None,
    typer.Option(
        help="all, or names, package.module:Class, file.py:Class, sae:PATH; commas between.",
        autocompletion=completion.models,
    ),
]
Datasets = Annotated[
    str | None, typer.Option(help="The same for data sets; default digits.", autocompletion=completion.datasets)
]
Metrics = Annotated[
    str | None,
    typer.Option(
        help="all, or names, package.module:function, file.py:function; commas between.",
        autocompletion=completion.metrics,
    ),
]
Budget = Annotated[str | None, typer.Option(help="smoke (seconds), quick (5 epochs) or full (the papers').")]
RunId = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run id, or the start or end of one.", autocompletion=completion.runs),
]
RunIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN...]", help="Starts or ends of run ids.", autocompletion=completion.runs),
]
Out = Annotated[Path | None, path_option(help="Folder for what is written; default: the results folder.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
ProfileName = Annotated[str, typer.Option(help="slurm: what a job asks for: cpu, gpu, preemptible, or a YAML file.")]
ProfileValues = Annotated[
    list[str] | None, typer.Option("--slurm", help="slurm: KEY=VALUE, a value in place of the profile's.")
]


@dataclass(frozen=True)
class Execution:
    """How and where a plan is carried out."""

    device: DeviceName = "auto"
    """What to compute on."""
    executor: Annotated[str, typer.Option(help="pool (several runs at a time), inline (one by one) or slurm.")] = "pool"
    """A name of `bench.cli.executors.EXECUTORS`."""
    workers: Annotated[
        int | None, typer.Option(min=1, help="pool: runs at a time; default: one a core, or one a GPU.")
    ] = None
    """Processes of the pool; None: one a core, or one a GPU."""
    profile: ProfileName = "cpu"
    """slurm: what a job asks for."""
    slurm: ProfileValues = None
    """slurm: values in place of the profile's."""
    runs_per_job: Annotated[
        int | None, typer.Option(min=1, help="slurm: runs in a job; default: by their duration.")
    ] = None
    """slurm: runs in a job; None: by their duration."""
    max_parallel: Annotated[
        int | None, typer.Option(min=1, help="slurm: jobs at a time; default: what SLURM gives.")
    ] = None
    """slurm: jobs at a time; None leaves it to SLURM."""
    wait: Annotated[bool, typer.Option("--wait", help="slurm: follow the runs to their end.")] = False
    """slurm: whether to follow the runs to their end."""
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False
    """Whether to print the plan only."""
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed, cancelled and lost runs again.")] = (
        False
    )
    """Whether runs that did not end well are run again."""

    def __post_init__(self) -> None:
        require_device(self.device)


def with_execution(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of `Execution`, which it takes as its parameter `execution`."""
    hints = get_type_hints(Execution, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    options = [
        inspect.Parameter(each.name, keyword, default=each.default, annotation=hints[each.name])
        for each in fields(Execution)
    ]
    signature = inspect.signature(verb, eval_str=True)
    own = [parameter.replace(kind=keyword) for name, parameter in signature.parameters.items() if name != "execution"]

    @wraps(verb)
    def bundled(**given: Any) -> None:
        execution = Execution(**{each.name: given.pop(each.name) for each in fields(Execution)})
        verb(**given, execution=execution)

    bundled.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    bundled.__annotations__ = {each.name: each.annotation for each in (*own, *options)} | {"return": None}
    return bundled
