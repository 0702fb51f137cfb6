"""Every kernel compiles for a GPU, whether there is one or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")

MOST_SPILLED = 64
"""Bytes of a thread: of all kernels only orthogonal pursuit with 16,384 correlations in registers lacks some."""

MOST_SHARED = 48 * 1024
"""Bytes of a program that any card gives without being asked."""


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
def test_all_kernels_compile_and_keep_their_numbers_in_registers(capability: int, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.parts.compiling", str(capability)],
        capture_output=True,
        text=True,
        env=env | {"TRITON_CACHE_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *lines, launched = (json.loads(line) for line in done.stdout.splitlines())
    assert {name for name, _, _ in lines} == set(launched), "call a new kernel in `compiling.launch_all`"
    for name, spilled, shared in lines:
        assert spilled <= MOST_SPILLED * (name == "_pursue"), name
        assert shared <= MOST_SHARED, name
