"""The cluster's folder: what is written into it before the daemons start, and what a later process reads back."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.slurm.testcluster import commands, config, host
from tests.slurm.testcluster.config import Settings
from tests.slurm.testcluster.errors import ClusterError

PATH_CHARACTERS = 70
"""Longest name of the folder: below it are sockets, whose paths the kernel cuts at 107 characters."""


def write(root: Path, accounting: bool, options: Mapping[str, str]) -> Settings:
    """Folders, keys, devices, configuration. Ports of an earlier time are kept where they are free."""
    _require_name(root)
    root.mkdir(parents=True, exist_ok=True)
    if root.stat().st_uid != os.geteuid():
        raise ClusterError(f"'{root}' belongs to another user. Name another folder.")
    for name in ("etc", "run", "log", "pids", "state", "tmp", *(f"spool.{node}" for node in config.NODES)):
        (root / name).mkdir(exist_ok=True)
    (root / "etc").chmod(0o755)
    host.make_gpus(root / "dev")
    port = _port(root)
    _state(root).write_text(json.dumps({"port": port}))
    settings = Settings(root, host.hostname(), port, accounting, secrets.token_hex(16), dict(options))
    _write_private(root / "etc" / "munge.key", secrets.token_bytes(128))
    _write_public(root / "etc" / "slurm.conf", config.slurm_conf(settings))
    _write_public(root / "etc" / "gres.conf", config.gres_conf(root))
    if accounting:
        _prepare_database(settings)
    return settings


def load(root: Path, accounting: bool) -> Settings:
    """What `write` settled, as far as starting a daemon again needs it."""
    try:
        port = json.loads(_state(root).read_text())["port"]
        return Settings(root, host.hostname(), port, accounting)
    except (OSError, ValueError, KeyError) as error:
        raise ClusterError(f"'{root}' has never had a cluster: call up() first ({error}).") from error


def _prepare_database(settings: Settings) -> None:
    etc = settings.root / "etc"
    _write_private(etc / "slurmdbd.conf", config.slurmdbd_conf(settings).encode())
    _write_private(etc / "database.sql", config.database_sql(settings).encode())
    if (settings.root / "db" / "mysql").exists():
        return
    with (settings.root / "log" / "mariadbd.out").open("ab") as output:
        done = subprocess.run(
            commands.create_database(settings.root), stdout=output, stderr=output, env={"PATH": host.PATH}, check=False
        )
    if done.returncode:
        raise ClusterError(f"The database could not be created; see '{settings.root / 'log' / 'mariadbd.out'}'.")


def _require_name(root: Path) -> None:
    """ClusterError for a name that Slurm's configuration, or a socket below it, cannot have."""
    if len(str(root)) > PATH_CHARACTERS:
        raise ClusterError(f"'{root}' is longer than {PATH_CHARACTERS} characters: too long for sockets below it.")
    if not re.fullmatch(r"[\w./+-]+", str(root), re.ASCII):
        raise ClusterError(f"'{root}' has characters that slurm.conf cannot have. Letters, digits and ._+-/ only.")


def _port(root: Path) -> int:
    try:
        port = int(json.loads(_state(root).read_text())["port"])
    except (OSError, ValueError, KeyError):
        return host.free_ports()
    return port if host.ports_free(port) else host.free_ports()


def _state(root: Path) -> Path:
    return root / "ports.json"


def _write_public(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
