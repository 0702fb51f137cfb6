"""The README's examples run as they stand, and the options that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench.cli.helpers import bench

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_examples_of_own_code_run_and_are_on_the_board(tmp_path: Path) -> None:
    model, metric, data = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    for name, code in {"my_model.py": model, "my_metric.py": metric, "my_data.py": data}.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    arguments = ["--models", "mean,./my_model.py:MySAE", "--datasets", "./my_data.py:Blobs", "--seeds", "1"]
    arguments += ["--metrics", "fvu,./my_metric.py:busiest_unit", "--budget", "smoke"]
    done = bench("run", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MySAE" in done.stdout
    assert "busiest" in done.stdout


@pytest.mark.parametrize("reference", ["my_model.py:MySAE", "my_metric.py:busiest_unit", "my_data.py:Blobs"])
def test_the_examples_keep_the_contract(tmp_path: Path, reference: str) -> None:
    code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    text = next(each for each in code if f" {reference.partition(':')[2]}(" in each)
    (tmp_path / reference.partition(":")[0]).write_text(text, encoding="utf-8")
    done = bench("check", f"./{reference}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_option_that_the_readme_names_exists() -> None:
    helps = [bench(verb, "--help").stdout for verb in ("run", "claims", "cancel", "compare", "evaluate")]
    known = set(re.findall(r"--[a-z-]+", "".join(helps)))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert named <= known, named - known
