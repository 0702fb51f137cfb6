"""Profile: the resources that one job asks the cluster for. Only profiles hold names and limits of a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from slurm.errors import SlurmError

__all__ = ["SHIPPED", "Profile", "SlurmError"]

SHIPPED = {path.stem: path for path in sorted((Path(__file__).parent / "profiles").glob("*.yaml"))}

# Options of sbatch that the launcher sets itself -> what to use instead.
RESERVED = {
    "partition": "the field partition",
    "account": "the field account",
    "qos": "the field qos",
    "constraint": "the field constraint",
    "cpus-per-task": "the field cpus",
    "mem": "the field memory_gb",
    "time": "the field minutes",
    "signal": "the field signal_delay",
    **dict.fromkeys(("nodes", "ntasks", "ntasks-per-node"), "nothing: a job is one task on one node"),
    **dict.fromkeys(("array", "job-name", "output", "error", "open-mode", "wrap", "parsable"), "nothing: it is set"),
}
GPU_OPTIONS = ("gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task")

Name = Annotated[str, Field(coerce_numbers_to_str=True)]
"""Of something that the cluster has: an account may be all digits."""


class Profile(BaseModel):
    """The resources of one job, and when the job is warned that its time is up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition: Name | None = None
    """Set of nodes to run on; None: SBATCH_PARTITION, else the cluster's default."""
    account: Name | None = None
    """Account to charge; None: SBATCH_ACCOUNT, else the cluster's default."""
    qos: Name | None = None
    """Quality of service; None: SBATCH_QOS, else the cluster's default."""
    constraint: Name | None = None
    """Features that a node must have; None: SBATCH_CONSTRAINT, else the cluster's default."""
    gpus: int = Field(default=0, ge=0)
    """GPUs of a job."""
    cpus: int = Field(default=2, ge=1)
    """Cores of a job."""
    memory_gb: float = Field(default=8, gt=0, allow_inf_nan=False)
    """Memory of a job, in GiB."""
    minutes: int = Field(default=60, ge=1)
    """Time limit, in minutes. A job that reaches it is checkpointed and queued again."""
    signal_delay: int = Field(default=120, ge=1)
    """The job is told to checkpoint this many seconds before the limit. SLURM may be up to a minute early."""
    runs_per_gpu: int = Field(default=1, ge=1)
    """Runs at a time on one GPU; with more than one, their timings are marked as shared."""
    setup: tuple[str, ...] = ()
    """Shell lines that run before Python starts, e.g. "module load cuda"."""
    sbatch: dict[str, str | int | float | bool] = {}
    """Any other options of sbatch, e.g. {"exclude": "node7"}; False removes an option that is set by default."""

    @field_validator("setup", "sbatch", mode="before")
    @classmethod
    def _not_one_line(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            wanted = "a list of shell lines, [module load cuda]" if info.field_name == "setup" else "{exclude: node7}"
            raise ValueError(f"write it as {wanted}")
        return value

    @field_validator("sbatch")
    @classmethod
    def _not_reserved(cls, options: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        """Use one spelling of an option ('gpus_per_node' is 'gpus-per-node'); refuse options that are set elsewhere.

        A leading ~ is a home: sbatch takes it as it stands.
        """
        options = {
            name.lstrip("-").replace("_", "-"): os.path.expanduser(value) if isinstance(value, str) else value
            for name, value in options.items()
        }
        for name in options:
            if name in RESERVED:
                raise ValueError(f"'{name}' cannot be given here; use {RESERVED[name]}")
        return options

    @model_validator(mode="after")
    def _consistent(self) -> Profile:
        if self.minutes * 60 <= self.signal_delay + 30:
            raise ValueError(
                f"minutes = {self.minutes} ({self.minutes * 60} s) must be more than signal_delay + 30 = "
                f"{self.signal_delay + 30} s: the job would be told to stop before it has begun"
            )
        if self.runs_per_gpu > 1 and not self.gpus:
            raise ValueError(f"runs_per_gpu = {self.runs_per_gpu} needs gpus >= 1, but gpus = 0")
        idle = [f"{name} = {value}" for name, value in self.sbatch.items() if _asks_for_gpus(name, value)]
        if idle and not self.gpus:
            raise ValueError(f"sbatch has {idle[0]}, but gpus = 0, so that runs would be on the CPU; set gpus too")
        return self

    @property
    def n_workers(self) -> int:
        """Runs at a time in one job."""
        return max(1, self.gpus * self.runs_per_gpu)


def _asks_for_gpus(option: str, value: str | int | float | bool) -> bool:
    """Whether an option of sbatch asks for GPUs."""
    return bool(value) and (option in GPU_OPTIONS or (option == "gres" and "gpu" in str(value)))
