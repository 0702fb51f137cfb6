"""Provenance: what ran, on what, from which commit."""

from __future__ import annotations

import os
import platform
import shlex
import socket
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bench
from bench.errors import printable

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pydantic")


@cache
def software() -> dict[str, Any]:
    """Versions of this package, Python and the libraries that make the numbers; commit and dirty flag of a checkout.

    The versions are those of the installed packages: torch, slow to import, is not imported for it.
    """
    commit = _git("rev-parse", "HEAD")
    return {
        "bench": bench.__version__,
        "commit": commit,
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


@cache
def hardware() -> dict[str, Any]:
    """Host, processor, cores, memory in GiB and GPUs."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def command() -> str:
    """The command line as a user would type it again."""
    return printable(shlex.join(["python", "-m", "bench", *sys.argv[1:]]))


def _git(*arguments: str) -> str | None:
    """Output of a git command on this package's own checkout; None where there is none."""
    root = Path(bench.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
