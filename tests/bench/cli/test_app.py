"""The command as a whole: its verbs, and how errors end it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bench import __version__
from bench.cli import app as application
from bench.cli.app import VERBS, app
from bench.errors import BenchError, Interrupted
from slurm.errors import SlurmError
from tests.bench.cli.helpers import bench

NAMES = {"run", "claims", "evaluate", "check", "list", "leaderboard", "report", "compare", "figures", "verify", "merge"}
NAMES |= {"status", "show", "logs", "cancel", "cluster", "table", "export", "extract"}


def test_every_verb_stands_in_the_help_with_a_line_of_its_own() -> None:
    said = bench("--help", env={"COLUMNS": "200"})
    assert said.returncode == 0
    listed = {line.split()[1] for line in said.stdout.splitlines() if line.startswith("│ ") and line[2].isalpha()}
    assert listed >= NAMES


def test_a_verb_is_a_module_of_this_package() -> None:
    folder = Path(application.__file__).parent
    for verb in VERBS:
        importlib.import_module(f"bench.cli.{verb}")
        assert (folder / f"{verb}.py").is_file()
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert names | {group.name for group in app.registered_groups} == NAMES


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (BenchError("say this"), 2, "error: say this"),
        (SlurmError("and this"), 2, "error: and this"),
        (OSError(28, "No space left on device"), 2, "error: [Errno 28] No space left"),
        (Interrupted("3 runs are kept."), 130, "Interrupted. 3 runs are kept."),
    ],
)
def test_an_error_is_one_message_and_an_exit_status(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, code: int, words: str
) -> None:
    def fail(**_: object) -> None:
        raise raised

    monkeypatch.setattr(application, "app", fail)
    said = bench("whatever")
    assert said.returncode == code
    assert words in said.stderr
    assert "Traceback" not in said.stderr


def test_a_verb_ends_with_the_exit_status_that_it_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    small = typer.Typer()

    @small.command()
    def verb() -> None:
        raise typer.Exit(1)

    monkeypatch.setattr(application, "app", small)
    assert bench().returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--models", "topkk"], ["Did you mean 'topk'"]),
        (["run", "--device", "gpu"], ["--device", "auto, cpu, cuda"]),
        (["run", "--executor", "slrum"], ["--executor", "inline, pool", "Did you mean 'slurm'"]),
        (["run", "--models", "topk", "--set", "k=2000"], ["topk", "k = 2000"]),
        (["run", "--models", "topk", "--set", "batch_size=9999"], ["topk.batch_size = 9999", "1257"]),
        (["run", "--study", "absent.yaml"], ["absent.yaml"]),
        (["run", "--workers", "0", "--executor", "pool"], ["--workers"]),
        (["run", "--metrics", "fvuu"], ["Unknown metric 'fvuu'", "Did you mean 'fvu'"]),
        (["run", "--metrics", "./absent.py:mine"], ["absent.py"]),
        (["claims", "--device", "gpu"], ["--device", "auto, cpu, cuda"]),
        (["claims", "--executor", "slrum"], ["--executor", "Did you mean 'slurm'"]),
        (["claims", "--budget", "huge"], ["budget = 'huge'", "smoke, quick, full"]),
        (["evaluate", "--metrics", "fvuu"], ["Unknown metric 'fvuu'"]),
        (["evaluate", "--device", "gpu"], ["--device", "auto, cpu, cuda"]),
        (["evaluate"], ["No records"]),
        (["evaluate", "nothing"], ["Unknown run 'nothing'"]),
        (["figures", "nothing"], ["Unknown run 'nothing'"]),
        (["figures", "--format", "pgn"], ["Unknown --format 'pgn'", "Did you mean 'png'"]),
        (["list", "modles"], ["Did you mean 'models'"]),
        (["show", "nothing"], ["Unknown run 'nothing'"]),
        (["logs", "nothing"], ["Unknown run 'nothing'"]),
        (["compare", "a", "b"], ["No records"]),
        (["leaderboard"], ["No records", "python -m bench run"]),
        (["report"], ["No records"]),
        (["status"], ["No records"]),
        (["rum"], ["rum"]),
    ],
)
def test_unusable_arguments_are_one_message_and_status_2(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    said = bench(*arguments, cwd=tmp_path)
    assert said.returncode == 2, said.stdout + said.stderr
    for word in words:
        assert word in said.stderr
    assert "Traceback" not in said.stderr + said.stdout
    assert not list(tmp_path.glob("**/record.json"))


def test_the_version_is_that_of_the_package() -> None:
    said = bench("--version")
    assert (said.returncode, said.stdout) == (0, f"bench {__version__}\n")


def test_the_package_is_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "rum"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "rum" in done.stderr
    assert "Traceback" not in done.stderr
