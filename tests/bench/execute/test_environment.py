"""Provenance: what ran, found without importing what is slow, and without a checkout or a GPU."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

import bench
from bench.execute import environment
from bench.execute.environment import code_checksum, command, hardware, provenance, software
from bench.store.record import Record
from tests.bench.execute.helpers import job, spec_of


def test_versions_are_those_that_run() -> None:
    found = software()
    assert found.torch == torch.__version__
    assert found.versions["numpy"] == numpy.__version__
    assert found.versions["bench"] == bench.__version__
    assert found.code == code_checksum()[:12]
    assert {"torchvision", "scipy", "scikit-learn", "pydantic", "python"} <= found.versions.keys()


def test_torch_is_not_imported_for_its_version() -> None:
    code = "import sys; from bench.execute.environment import software; software(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_installation_without_git_has_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any, **options: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(environment.subprocess, "run", fails)
    found = software.__wrapped__()
    assert (found.commit, found.dirty, found.checkout) == (None, None, "")


def test_a_driver_that_cannot_start_a_gpu_costs_its_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(index: int) -> str:
        raise RuntimeError

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", fails)
    found = hardware.__wrapped__()
    assert found.gpus == []
    assert found.cpu
    assert found.memory_gib


def test_the_command_is_one_to_type_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "run", "--set", "topk.k=[1, 2]"])
    assert command() == "python -m bench run --set 'topk.k=[1, 2]'"


def test_provenance_comes_back_from_the_record(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    made = provenance(job(tmp_path, command="bench run"), datetime(2026, 1, 31, 12, tzinfo=UTC), 2)
    assert (made.start, made.resumed, made.device) == ("2026-01-31T12:00:00+00:00", 2, "cpu")
    record = Record(run_id=spec.run_id, spec=spec, status="done", provenance=made)
    assert Record.model_validate_json(record.model_dump_json()).provenance == made
