"""How a process begins: what the user has set stands, and output that nobody reads stops nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

SAY = "from bench.execute.process import begin; begin(); "
FULL = "Output cannot be written (No space left on device); the work goes on without.\n"
LINES = SAY + "import sys; [print(n) for n in range(10**5)]; print('still here ±', file=sys.stderr)"


def shell(code: str, redirection: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What is left on standard output and standard error of Python code after a redirection in a shell."""
    command = ["bash", "-c", f"set -o pipefail; '{sys.executable}' -c \"$0\" {redirection}", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **variables})


@pytest.mark.parametrize(
    ("redirection", "out", "err"),
    [
        ("| head -n 1", "0\n", "still here ±\n"),
        ("2>&1 | head -n 1", "0\n", ""),
        (">&-", "", "still here ±\n"),
        (">/dev/null 2>&-", "", ""),
        (">/dev/full", "", f"{FULL}still here ±\n"),
    ],
)
def test_output_that_nobody_takes_stops_nothing(redirection: str, out: str, err: str) -> None:
    said = shell(LINES, redirection, PYTHONIOENCODING="utf-8")
    assert (said.returncode, said.stdout, said.stderr) == (0, out, err)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_errors_are_seen_at_once_and_output_when_it_is_wanted(unbuffered: str) -> None:
    code = SAY + "import os, sys; print('out'); print('err', file=sys.stderr); os.write(1, b'end ')"
    said = shell(code, "2>&1", PYTHONUNBUFFERED=unbuffered)
    assert said.stdout.split() == (["out", "err", "end"] if unbuffered else ["err", "end", "out"])


def test_what_an_encoding_has_not_is_a_question_mark() -> None:
    assert shell(SAY + "print('±')", "", PYTHONIOENCODING="ascii").stdout == "?\n"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, "1000 None"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None ACTIVE"), ({"GOMP_SPINCOUNT": "7"}, "7 None")],
)
def test_threads_spin_as_the_user_says_or_not_for_long(
    variables: Mapping[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    code = SAY + "import os; print(os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))"
    assert shell(code, "", **variables).stdout.strip() == expected


@pytest.mark.parametrize(
    ("number", "ignored", "said"),
    [("SIGHUP", False, "interrupted"), ("SIGTERM", False, "interrupted"), ("SIGHUP", True, "went on")],
)
def test_a_terminal_that_goes_away_is_ctrl_c_unless_it_is_ignored(number: str, ignored: bool, said: str) -> None:
    code = f"""
import os, signal
from bench.execute.process import end_in_order
if {ignored}: signal.signal(signal.{number}, signal.SIG_IGN)
end_in_order()
try:
    os.kill(os.getpid(), signal.{number})
    print("went on")
except KeyboardInterrupt:
    print("interrupted")
"""
    assert shell(code, "").stdout.strip() == said


def test_a_command_begins_before_torch_is_imported() -> None:
    code = "import sys, bench.cli.app, bench.execute.pool; sys.exit('torch' in sys.modules)"
    assert shell(code, "").returncode == 0
