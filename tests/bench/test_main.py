"""The command in a working folder that has folders of our names, with a model that imports what lies beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench
from tests.bench.execute.helpers import MODEL
from tests.bench.plugins.test_sources import lay

LOSS = "from helper import scale; total = scale * self.bias.square().sum()"


def test_it_works_anywhere_and_an_edit_beside_a_model_is_a_new_run(tmp_path: Path) -> None:
    """Also in the processes of a pool, which begin with what may be imported here."""
    lay(tmp_path, dict.fromkeys(("models/__init__.py", "metrics.py", "slurm/__init__.py"), "raise ValueError\n"))
    lay(tmp_path, {"mine.py": MODEL.format(name="Mine", loss=LOSS, more=""), "helper.py": "scale = 1\n"})
    request = ["run", "--models", "mine.py:Mine", "--seeds", "2", "--budget", "smoke", "--results", "runs"]
    command = [sys.executable, "-m", "bench", *request, "--metrics", "fvu", "--executor", "pool", "--workers", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert "2 done (0 of them before), 0 failed, 0 missing of 2 runs." in done.stdout, done.stdout + done.stderr
    assert "executor: pool of 2 workers on cpu" in done.stdout
    record, other = RunStore(tmp_path / "runs").scan().records
    assert record.timings_shared
    assert other.timings_shared
    assert record.spec.model_reference == f"{tmp_path / 'mine.py'}:Mine"
    assert record.spec.model_files.keys() == {"mine.py", "helper.py"}
    lay(tmp_path, {"helper.py": "scale = 2\n"})
    plan = bench(*request, "--dry-run", cwd=tmp_path).stdout
    assert "0 done, 0 failed, 2 to run" in plan
    assert "\n  helper.py changed since 2 of these runs were made\n" in plan
