"""The README's example model runs as it stands, and the commands it names exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bench.cli.helpers import bench

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_example_model_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "my_model.py").write_text(code, encoding="utf-8")
    arguments = ["--models", "mean,./my_model.py:MySAE", "--seeds", "1", "--budget", "smoke"]
    done = bench("run", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MySAE" in done.stdout


def test_every_option_that_the_readme_names_exists() -> None:
    helps = [bench(verb, "--help").stdout for verb in ("run", "claims", "cancel", "compare")]
    known = set(re.findall(r"--[a-z-]+", "".join(helps)))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert named <= known, named - known
