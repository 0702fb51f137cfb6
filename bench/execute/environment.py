"""Provenance: what ran, on what, from which commit."""

from __future__ import annotations

import getpass
import hashlib
import importlib.util
import os
import platform
import re
import shlex
import socket
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bench
from bench.errors import printable

SOURCES = ("bench", "models", "metrics")
PACKAGES = ("torchvision", "numpy", "scipy", "scikit-learn", "pydantic")


@cache
def software() -> dict[str, Any]:
    """Versions of this package, Python and the libraries that make the numbers; commit and dirty flag of a checkout.

    `code` tells apart what a commit does not: local changes, and installations without git. torch, slow to import, is
    not imported for it.
    """
    commit = _git("rev-parse", "HEAD")
    return {
        "bench": bench.__version__,
        "code": code_checksum()[:12],
        "commit": commit,
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None,
        "python": platform.python_version(),
        "torch": _torch_version(),
        **{name: version(name) for name in PACKAGES},
    }


@cache
def code_checksum() -> str:
    """SHA-256 of the source files that make the numbers."""
    root = Path(bench.__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for package in SOURCES for path in (root / package).rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def hardware() -> dict[str, Any]:
    """Host, processor, cores, memory in GiB and GPUs."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "gpus": _gpu_names(),
    }


def timestamp(moment: datetime | None = None) -> str:
    """A moment, now by default, in UTC to the second: '2026-01-31T12:00:00+00:00'."""
    return (moment or datetime.now(UTC)).isoformat(timespec="seconds")


def user() -> str:
    """Who runs this; the number of one without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


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


def _torch_version() -> str:
    """With its build, e.g. '2.6.0+cu124', which the package's metadata leave out; without importing it."""
    spec = importlib.util.find_spec("torch")
    if spec and spec.origin:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
        if found := re.search(r"^__version__ = ['\"](.+)['\"]$", text, re.MULTILINE):
            return found[1]
    return version("torch")


def _gpu_names() -> list[str]:
    import torch

    try:
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    except RuntimeError:  # a driver that shows a GPU it cannot start
        return []


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
