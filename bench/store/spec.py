"""RunSpec: all that determines a run's numbers; its hash is the run id. Record: all that a run produced."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

SCHEMA_VERSION = 1

Status = Literal["done", "failed", "timeout", "cancelled"]
"""How a run ended; `timeout`: it made no headway in a whole time limit."""
Settings = Literal["native", "matched"]


class Budget(BaseModel):
    """How much training and evaluation a run gets; None leaves the model's or the data set's own."""

    model_config = ConfigDict(frozen=True)

    name: str
    epochs: int | None = None
    max_steps: int | None = None
    max_eval: int | None = None


BUDGETS = {
    "smoke": Budget(name="smoke", epochs=1, max_steps=20, max_eval=500),
    "quick": Budget(name="quick", epochs=5),
    "full": Budget(name="full"),
}


class RunSpec(BaseModel):
    """One run, fully determined.

    Attributes
    ----------
    model, model_reference, code : str
        Display name; what to import; SHA-256 of the plug-in's file, None for a built-in.
    config : dict
        Every hyperparameter.
    variant : dict
        The part of `config` that differs from the model's setting: a row of the board is a model and a variant.
    dataset, dataset_reference, dataset_checksum : str
        Display name; what to import; what identifies its content and splits.
    settings, budget : str
        "native" or "matched"; a name of `BUDGETS`.
    max_steps, max_eval : int, optional
        Bounds on optimiser steps and on evaluated samples.
    seed : int
        Root of every stream of random numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    model_reference: str
    code: str | None = None
    config: dict[str, Any]
    variant: dict[str, Any] = {}
    dataset: str
    dataset_reference: str
    dataset_checksum: str
    settings: Settings
    budget: str
    max_steps: int | None = None
    max_eval: int | None = None
    seed: int

    @property
    def hash(self) -> str:
        """SHA-256 over everything but the references (paths of one machine) and `variant` (implied by `config`)."""
        content = self.model_dump(mode="json", exclude={"model_reference", "dataset_reference", "variant"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def run_id(self) -> str:
        """Readable and unique: model, data set, seed and ten digits of the hash; safe as a folder name."""
        words = [self.model, self.dataset, f"s{self.seed}"]
        return "-".join([*(re.sub(r"\W+", "_", word).strip("_")[:40] for word in words), self.hash[:10]])

    @property
    def label(self) -> str:
        """The row it belongs to: the model, and its variant if it has one, e.g. 'topk k=8'."""
        words = [self.model, *(f"{field}={value}" for field, value in self.variant.items())]
        return " ".join(" ".join(words).split())


class RunError(BaseModel):
    """Why a run failed: exception type, message, and the traceback for its log."""

    type: str
    message: str
    traceback: str


class Record(BaseModel):
    """Everything one run produced, as `record.json`.

    Attributes
    ----------
    metrics, validation : dict
        Scalars on the test split, and the reconstruction error on the validation split. A metric that does not apply
        is absent.
    metric_errors : dict
        Metrics that raised, with their message.
    timings : dict
        Seconds of "load", "train", "evaluate" and "total"; `timings_shared` marks runs that had company.
    provenance : dict
        Versions, hardware, commit, command, start and end.
    """

    model_config = ConfigDict(ser_json_inf_nan="strings")

    schema_version: int = SCHEMA_VERSION
    run_id: str
    spec: RunSpec
    status: Status
    metrics: dict[str, float] = {}
    validation: dict[str, float] = {}
    metric_errors: dict[str, str] = {}
    timings: dict[str, float] = {}
    timings_shared: bool = False
    provenance: dict[str, Any] = {}
    error: RunError | None = None

    @field_validator("provenance")
    @classmethod
    def _groups_are_mappings(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in ("software", "hardware", "cluster"):
            if not isinstance(value.get(name, {}), dict):
                raise ValueError(f"{name} is no mapping")
        return value
