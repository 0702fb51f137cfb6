"""What a shell is offered, as the shell asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = (
    "import sys; from bench.cli.app import main; sys.argv = ['bench']\n"
    "try: main()\nfinally: print('torch' in sys.modules)"
)


def offered(words: str) -> list[str]:
    """The words that bash is offered for the last one of a command line; no torch is imported for that."""
    asks = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=os.environ | asks)
    *names, imported = done.stdout.split()
    assert imported == "False"
    return names


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("bench li", ["list"]),
        ("bench list m", ["models", "metrics"]),
        ("bench run --models vs", ["vsc", "vsc-aligned", "vsae"]),
        ("bench run --models vsc,topk-h", ["vsc,topk-hoyer"]),
        ("bench run --datasets mnist,", ["mnist,all", "mnist,digits", "mnist,fmnist"]),
        ("bench evaluate --metrics gate_", ["gate_auc", "gate_f1"]),
    ],
)
def test_names_of_what_there_is_are_offered(words: str, names: list[str]) -> None:
    found = offered(words)
    assert found[: len(names)] == names
    assert words.endswith(",") or found == names


def test_runs_of_the_results_folder_are_offered(results: Path) -> None:
    found = offered(f"bench show --results {results} topk")
    assert len(found) == 3
    assert all((results / run_id / "record.json").is_file() for run_id in found)


def test_the_script_completes_the_command_that_is_installed() -> None:
    command = [sys.executable, "-m", "bench", "--show-completion", "bash"]
    named = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # whatever shell runs the tests
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=named)
    assert "complete -o default -F _bench_completion bench" in done.stdout
