"""What is printed in a terminal of some width, and what a pipe gets."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.bench.cli.helpers import bench

TABLES = (
    ["leaderboard"],
    ["status"],
    ["compare", "topk", "vae"],
    ["run", "--models", "topk", "--set", "topk.k=[1,2]", "--budget", "smoke", "--dry-run"],
    ["list", "metrics"],
    ["list", "models"],
)


def in_a_terminal(width: int, *arguments: str, code: int = 0, **environment: str) -> str:
    """What a command writes on a terminal of so many columns."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "bench", *arguments]
    with subprocess.Popen(command, stdout=inner, stderr=inner, stdin=inner, env=known | environment) as process:
        os.close(inner)
        said = b""
        try:
            while part := os.read(outer, 65536):
                said += part
        except OSError:  # its end, of a terminal
            pass
    os.close(outer)
    assert process.returncode == code, said.decode()
    return said.decode()


@pytest.mark.parametrize("arguments", TABLES, ids=" ".join)
@pytest.mark.parametrize("width", [80, 120])
def test_no_table_is_wider_than_its_terminal(results: Path, tmp_path: Path, width: int, arguments: list[str]) -> None:
    where = [] if arguments[0] == "list" else ["--results", str(results)]
    said = bench(
        *arguments,
        *where,
        *(["--out", str(tmp_path)] if arguments[0] == "leaderboard" else []),
        env={"COLUMNS": str(width)},
    )
    assert said.returncode == 0, said.stderr
    long = [line for line in said.stdout.splitlines() if cell_len(line) > width and str(tmp_path) not in line]
    assert long == []


def test_a_terminal_is_asked_for_its_width_and_gets_no_colour_where_it_wants_none(results: Path) -> None:
    narrow = in_a_terminal(60, "list", "models", NO_COLOR="1")
    assert max(map(cell_len, narrow.splitlines())) <= 60
    assert "\x1b" not in narrow


def test_an_error_is_broken_between_words_and_its_command_stays_whole(tmp_path: Path) -> None:
    said = in_a_terminal(60, "leaderboard", "--results", str(tmp_path / "none"), code=2).splitlines()
    assert f"`python -m bench run --models all --results {tmp_path / 'none'}`." in said
    models = in_a_terminal(60, "run", "--models", "topkk", code=2).splitlines()
    assert max(map(cell_len, models)) <= 60
    assert "dictionary-learning," in " ".join(models).split()


def test_a_pipe_gets_all_columns_and_no_escapes(results: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "leaderboard", "--results", str(results), "--out", str(tmp_path)]
    wide = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=wide)
    assert "also measured" not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
