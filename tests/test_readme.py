"""Every command and every example of the README runs as it stands, and the options that it names exist."""

from __future__ import annotations

import re
import shlex
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.bench.cli.helpers import FEW, bench
from tests.exchange.made import MADE

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
FILES = {"my_model.py": "MySAE", "my_metric.py": "busiest_unit", "my_data.py": "Blobs"}
"""Where the examples of own code stand, and what each defines."""

BLOCKS = re.findall(r"^    python -m bench ((?:.*\\\n)*.*)$", README, flags=re.MULTILINE)
COMMANDS = sorted(
    {
        " ".join(text.split("#")[0].replace("\\\n", " ").split())
        for text in BLOCKS + re.findall(r"`python -m bench ([^`]+)`", README)
    }
)
ON_A_CLUSTER = ("cluster check", "logs ")
"""What needs a cluster: tests/slurm has these."""


def example(name: str) -> str:
    """The README's code that defines an object."""
    return next(each for each in CODE if f" {name}(" in each)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder as the README supposes it: own code, own data, two runs that are done."""
    root = tmp_path_factory.mktemp("readme")
    for file, name in {**FILES, "my_network.py": "network"}.items():
        (root / file).write_text(example(name), encoding="utf-8")
    shutil.copytree(MADE / "saelens-topk", root / "their_sae")
    shutil.copytree(MADE / "saelens-topk", root / "sweep" / "seed_0")
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((300, 6)), np.arange(300) % 3
    np.save(root / "acts.npy", x)
    np.save(root / "acts.labels.npy", labels)
    table = pd.DataFrame(x, columns=list("abcdef")).assign(species=np.array(["cod", "eel", "ray"])[labels])
    table.to_csv(root / "table.csv", index=False)
    for i, pixels in enumerate(rng.integers(0, 256, (300, 4, 4, 3), dtype=np.uint8)):
        (root / "photos" / str(i % 3)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / "photos" / str(i % 3) / f"{i}.png")
    extracted = ("--inputs", "./photos", "--layer", "1", "--out", "acts")
    assert bench("extract", "--backbone", "./my_network.py:network", *extracted, cwd=root).returncode == 0
    done = bench("run", "--models", "topk,mp", "--seeds", "1", "--budget", "smoke", *FEW, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    for lab in ("ours", "theirs"):
        shutil.copytree(root / "results" / "runs", root / lab)
    return root


@pytest.mark.parametrize("command", [each for each in COMMANDS if not each.startswith(ON_A_CLUSTER)])
def test_every_command_runs(folder: Path, command: str) -> None:
    """As it stands, but for names of runs, and with few metrics; of whole studies the plan alone."""
    run = next((folder / "results" / "runs").glob("topk-digits-*")).name
    words = shlex.split(command.replace("[RUN...]", run).replace("RUN_ID", run))
    if words[0] == "run" and "--dry-run" not in words:
        own = any(name in command for name in ("acts.npy", "./acts", "table.csv", "./photos"))
        words += ["--budget", "smoke", "--seeds", "1", *FEW] if own else ["--dry-run"]
    if words == ["evaluate"]:
        words += FEW
    done = bench(*words, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_are_found() -> None:
    assert "run --models all --datasets mnist,fmnist" in COMMANDS
    assert any("--executor slurm" in each for each in COMMANDS)


def test_the_examples_of_own_code_are_on_the_board(folder: Path) -> None:
    arguments = ["--models", "mean,./my_model.py:MySAE", "--datasets", "./my_data.py:Blobs", "--seeds", "1"]
    arguments += ["--metrics", "fvu,./my_metric.py:busiest_unit", "--budget", "smoke"]
    done = bench("run", *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MySAE" in done.stdout
    assert "busiest" in done.stdout


@pytest.mark.parametrize(("file", "name"), list(FILES.items())[1:])
def test_the_examples_keep_the_contract(folder: Path, file: str, name: str) -> None:
    done = bench("check", f"./{file}:{name}", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_from_python(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    with chdir(tmp_path):
        exec(example("bench.run"), names)
    assert names["runs"].run.nunique() == 5
    assert names["x_hat"].shape == names["x"].shape
    assert names["coder"].transform(names["x"]).shape == (1000, 64)


def test_every_option_that_the_readme_names_exists() -> None:
    verbs = ("run", "claims", "cancel", "compare", "evaluate", "export", "extract", "figures", "leaderboard", "merge")
    verbs += ("report", "table", "verify")
    helps = [bench(verb, "--help").stdout for verb in verbs]
    known = set(re.findall(r"--[a-z-]+", "".join(helps)))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert named <= known, named - known
