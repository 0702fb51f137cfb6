"""Record: everything that one run produced. It is what boards are made of."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from bench.store.spec import RunSpec

SCHEMA_VERSION = 2
READABLE_SCHEMAS = (1, 2)
"""Schema 1 had pictures in the place of views.npz, and no legend.json."""

Status = Literal["done", "failed", "timeout", "cancelled"]
"""How a run ended; `timeout`: it made no headway in a whole time limit."""


class RunError(BaseModel):
    """Why a run failed."""

    type: str
    """Class of the exception."""
    message: str
    """What it said."""
    traceback: str
    """For the log."""


class Software(BaseModel):
    """What made the numbers: versions, and the commit of a checkout. Other names are packages, with their versions."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]

    bench: str | None = None
    """Version of this package."""
    code: str = ""
    """Start of the checksum of its source, which tells apart what a commit does not."""
    commit: str | None = None
    """Of the checkout; None where there is none."""
    dirty: bool | None = None
    """Whether the checkout had local changes."""
    python: str = ""
    """Version of Python."""
    torch: str = ""
    """Version of torch, with its build."""

    @property
    def versions(self) -> dict[str, str]:
        """Name -> version of this package, Python and the libraries."""
        known = {"bench": self.bench or "", "python": self.python, "torch": self.torch}
        return {name: version for name, version in {**known, **self.__pydantic_extra__}.items() if version}

    @property
    def checkout(self) -> str:
        """'0123456789 with local changes': the commit in words; "" where it is not known."""
        return self.commit[:10] + " with local changes" * bool(self.dirty) if self.commit else ""


class Hardware(BaseModel):
    """The machine that a run was on."""

    host: str = ""
    """Its name."""
    platform: str = ""
    """Operating system."""
    cpu: str = ""
    """Model of the processor."""
    cores: int | None = None
    """Logical cores."""
    memory_gib: float | None = None
    """Main memory in GiB."""
    gpus: list[str] = []
    """Names of its GPUs."""


class ClusterJob(BaseModel):
    """The job of a cluster that carried a run out."""

    submission: str | None = None
    """Which submission sent it."""
    job: str = ""
    """Id as SLURM writes it, '12_3'."""
    name: str = ""
    """Name of its array."""
    index: int = 0
    """Place in the array."""
    node: str = ""
    """Node that it ran on."""
    restarts: int = 0
    """How many times SLURM had started it before."""
    differs: list[str] = []
    """How the node's software differed from the submitter's."""


class Provenance(BaseModel):
    """How a record was made."""

    software: Software | None = None
    """What ran; None where the run never began."""
    hardware: Hardware | None = None
    """Where it ran."""
    device: str = ""
    """"cpu", "cuda" or "cuda:N"."""
    threads: int | None = None
    """CPU threads of the run."""
    command: str = ""
    """The command line."""
    cluster: ClusterJob | None = None
    """On a cluster: the job."""
    start: str = ""
    """When it began, as `timestamp` writes it."""
    end: str = ""
    """When it ended."""
    resumed: int = 0
    """How many times training was taken up again from a checkpoint."""

    @property
    def version(self) -> str | None:
        """Version of this package that made the record; None where it is not known."""
        return self.software.bench if self.software else None

    @property
    def submission(self) -> str | None:
        """Which submission to a cluster made the record; None for none."""
        return self.cluster.submission if self.cluster else None


class Record(BaseModel):
    """Everything that one run produced, as `record.json`."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    schema_version: int = SCHEMA_VERSION
    """Of the record and of the files beside it."""
    run_id: str
    """The run folder's name."""
    spec: RunSpec
    """What determined the numbers."""
    status: Status
    """How the run ended."""
    metrics: dict[str, float] = {}
    """Scalars on the test split. A metric that does not apply is absent; legend.json says why."""
    validation: dict[str, float] = {}
    """Scalars on the validation split, of the metrics that are declared for it."""
    metric_errors: dict[str, str] = {}
    """Metrics that raised, with their messages."""
    notes: list[str] = []
    """What a reader should know: a hyperparameter that the data did not allow, weights that wait for evaluation."""
    timings: dict[str, float] = {}
    """Seconds of "load", "train", "evaluate" and "total"."""
    timings_shared: bool = False
    """Whether the run had company on the machine."""
    provenance: Provenance = Provenance()
    """How it was made."""
    error: RunError | None = None
    """Why it failed; None for a run that is done."""
    not_applicable: str = ""
    """Why its model means nothing on its data, so that there is no number; "" where it does."""
    deterministic: bool = False
    """Whether the model declares that its numbers do not depend on the seed."""
    metric_code: dict[str, str] = {}
    """Start of the checksum of the code of each metric that is not built in: that of two codes is never averaged."""
    files: dict[str, str] = {}
    """SHA-256 of each file beside it that belongs to it."""
    digest: str = ""
    """SHA-256 of all of the above, `files` included; "" in records of schema 1."""

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        numbers = (*self.metrics.values(), *self.validation.values())
        if math.isnan(sum(numbers)) and any(map(math.isnan, numbers)):  # infinities of both signs sum to NaN, too
            raise ValueError("metrics: NaN is no result")
        return self

    @property
    def trained(self) -> bool:
        """Whether it failed after its training, whose weights are beside it: `bench evaluate` can finish it."""
        return self.status == "failed" and "weights.safetensors" in self.files

    def compute_digest(self) -> str:
        """What `digest` is, where nothing was changed since; what came later counts where a record has it."""
        later = {name for name in ("notes", "not_applicable", "deterministic") if not getattr(self, name)}
        content = self.model_dump(mode="json", exclude={"digest", *later})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def metric_of(name: str) -> str:
    """The metric that a number in a record is of: 'babel.mean' is one of 'babel'."""
    return name.partition(".")[0]


def timestamp(moment: datetime | None = None) -> str:
    """A moment, now by default, in UTC to the second: '2026-01-31T12:00:00+00:00'."""
    return (moment or datetime.now(UTC)).isoformat(timespec="seconds")
