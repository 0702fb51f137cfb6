"""RunSpec: all that determines a run's numbers; its hash is the run id."""

from __future__ import annotations

import hashlib
import json
import operator
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Settings = Literal["native", "matched"]
Precision = Literal["float32", "tf32", "bf16"]
Name = Annotated[str, StringConstraints(max_length=300)]
"""Of a model or a data set."""
MOST_LETTERS = 20_000
"""Of all hyperparameters of a run, written out."""


CHECKPOINT = "sae:"
"""How the reference, and the name, of a model begins that another library has trained."""

REFERENCES = {"model_reference", "dataset_reference"}
IMPLIED = {"variant", "model_files", "dataset_files"}
"""Fields that others imply: `config`, `code` and `dataset_checksum`."""


class Budget(BaseModel):
    """How much training and evaluation a run gets; None leaves the model's or the data set's own."""

    model_config = ConfigDict(frozen=True)

    name: str
    """What the command line calls it."""
    epochs: int | None = None
    """Passes over the training split."""
    max_steps: int | None = None
    """Bound on optimiser steps."""
    max_eval: int | None = None
    """Bound on evaluated samples."""


BUDGETS = {
    "smoke": Budget(name="smoke", epochs=1, max_steps=20, max_eval=500),
    "quick": Budget(name="quick", epochs=5),
    "full": Budget(name="full"),
}


class RunSpec(BaseModel):
    """One run, fully determined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Name
    """Display name of the model."""
    model_reference: str
    """What to import for it."""
    code: str | None = None
    """SHA-256 over the model's files; None for a built-in, whose commit is recorded."""
    model_files: dict[str, str] = {}
    """File -> SHA-256: its own, those that it imports from beside it, and those that it declares to read."""
    config: dict[str, Any]
    """Every hyperparameter."""
    variant: dict[str, Any] = {}
    """The part of `config` that differs from the model's setting: a row of a board is a model and a variant."""
    dataset: Name
    """Display name of the data set."""
    dataset_reference: str
    """What to import for it."""
    dataset_checksum: str
    """Identifies its content and splits, and the code of one that is not built in."""
    dataset_files: dict[str, str] = {}
    """The same as `model_files`, of the data set; none for a built-in."""
    settings: Settings
    """"native": the model's own; "matched": sizes that all models share."""
    budget: str
    """A name of `BUDGETS`."""
    min_steps: int | None = None
    """Least number of optimiser steps, where the epochs in `config` come to fewer; `max_steps` wins."""
    max_steps: int | None = None
    """Bound on optimiser steps."""
    max_eval: int | None = None
    """Bound on evaluated samples."""
    precision: Precision = "float32"
    """Of matrix products in training: see `models.parts.hardware.products_in`."""
    seed: int
    """Root of every stream of random numbers."""
    lab: Annotated[Name, Field(exclude_if=operator.not_)] = ""
    """Whose run it is, in a folder merged from labs whose numbers differ; "" where that does not matter."""

    @model_validator(mode="after")
    def _can_be_shown(self) -> Self:
        if len(str(self.config)) + len(str(self.variant)) > MOST_LETTERS:
            raise ValueError(f"config and variant have more than {MOST_LETTERS:,} characters")
        return self

    @property
    def imported(self) -> bool:
        """Whether its model was trained elsewhere; its seed is the number of the checkpoint among its replicates."""
        return self.model_reference.startswith(CHECKPOINT)

    @property
    def hash(self) -> str:
        """SHA-256 over everything but the references (paths of one machine) and what other fields imply.

        A `min_steps` of None and a precision of float32 are left out as well: runs keep the id that they had before
        there was another.
        """
        content = self.model_dump(mode="json", exclude=REFERENCES | IMPLIED)
        if self.min_steps is None:
            del content["min_steps"]
        if self.precision == "float32":
            del content["precision"]
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
