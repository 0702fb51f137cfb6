"""Provenance: what ran, on what, from which commit."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shlex
import socket
import subprocess
import sys
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import bench
from bench.errors import printable
from bench.execute.job import Job
from bench.store.record import Hardware, Provenance, Software, timestamp

SOURCES = ("bench", "models", "metrics")
PACKAGES = ("torchvision", "numpy", "scipy", "scikit-learn", "pydantic")


@cache
def software() -> Software:
    """Versions of this package, Python and the libraries that make the numbers; commit and dirty flag of a checkout.

    `code` tells apart what a commit does not: local changes, and installations without git. torch, slow to import, is
    not imported for it.
    """
    commit = _git("rev-parse", "HEAD")
    return Software.model_validate(
        {
            "bench": bench.__version__,
            "code": code_checksum()[:12],
            "commit": commit,
            "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None,
            "python": platform.python_version(),
            "torch": _torch_version(),
            **{name: version(name) for name in PACKAGES},
        }
    )


@cache
def code_checksum() -> str:
    """SHA-256 of the source files that make the numbers."""
    root = Path(bench.__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for package in SOURCES for path in (root / package).rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def hardware() -> Hardware:
    """Host, processor, cores, memory and GPUs."""
    return Hardware(
        host=socket.gethostname(),
        platform=platform.platform(),
        cpu=_cpu_name(),
        cores=os.cpu_count(),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        gpus=_gpu_names(),
    )


def provenance(job: Job, start: datetime, resumed: int) -> Provenance:
    """What a record says of how it was made, now that it ends."""
    import torch

    return Provenance(
        software=software(),
        hardware=hardware(),
        device=job.device,
        threads=torch.get_num_threads(),
        command=job.command,
        cluster=job.cluster,
        start=timestamp(start),
        end=timestamp(),
        resumed=resumed,
    )


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
