"""Records of runs that never ran, for the tests of what is kept of runs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench.store.folder import Results
from bench.store.legend import Legend, MetricEntry
from bench.store.record import Record
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from metrics.base import MetricInfo


def spec_of(seed: int = 0, **fields: Any) -> RunSpec:
    """A spec of a model that is not there."""
    return RunSpec.model_validate(
        {
            "model": "m",
            "model_reference": "m:M",
            "config": {"k": 4},
            "dataset": "toy",
            "dataset_reference": "toy",
            "dataset_checksum": "abc",
            "settings": "native",
            "budget": "quick",
            "seed": seed,
            **fields,
        }
    )


def record_of(seed: int = 0, fvu: float = 0.25, **fields: Any) -> Record:
    """Its record."""
    spec = spec_of(seed)
    return Record(run_id=spec.run_id, spec=spec, status="done", metrics={"fvu": fvu, "psnr": math.inf}).model_copy(
        update=fields
    )


def results() -> Results:
    """What a run leaves beside it."""
    info = MetricInfo("FVU", "min", "", "[0, inf)", "a test")
    return Results(
        weights={"w": torch.arange(3.0)},
        history=pd.DataFrame({"step": [1, 2], "total": [0.5, math.nan]}),
        arrays={"rates": np.eye(2)},
        views={"inputs": np.ones((2, 4), np.float32)},
        legend=Legend(family="toys", metrics={"fvu": MetricEntry(info=info, code="0123")}),
    )


@contextmanager
def somebody_else() -> Iterator[None]:
    """Be a user who minds permissions: the superuser may read everything."""
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        yield
    finally:
        os.seteuid(user)


def file_of(store: RunStore, seed: int = 0) -> Path:
    """Where the record of a seed is."""
    return store.folder(record_of(seed).run_id).record_path
