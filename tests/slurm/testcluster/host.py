"""What this machine offers: Debian's packages, the rights, a name on loopback, free ports."""

from __future__ import annotations

import os
import random
import shutil
import socket
import stat
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tests.slurm.testcluster.config import ADDRESS, GPUS, N_PORTS
from tests.slurm.testcluster.errors import ClusterError, UnsupportedHost

PACKAGES = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
}
ACCOUNTING_PACKAGES = {
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
}
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])  # a plain user's lacks sbin
IN_OTHER_NAME = ("unshare", "--uts", "sh", "-c", 'hostname localhost && exec "$@"', "sh")


def require(accounting: bool) -> None:
    """UnsupportedHost where a package is missing or this is not root."""
    needed = PACKAGES | (ACCOUNTING_PACKAGES if accounting else {})
    missing = sorted({package for program, package in needed.items() if not shutil.which(program, path=PATH)})
    if missing:
        raise UnsupportedHost(
            f"Debian packages are missing: {', '.join(missing)}. "
            f"Run: apt-get install -y --no-install-recommends {' '.join(dict.fromkeys(needed.values()))}"
        )
    if os.geteuid() != 0:
        raise UnsupportedHost("The test cluster needs root: its fake GPUs are device nodes. Run it with sudo.")


@cache
def hostname() -> str:
    """The hostname that the daemons have.

    Kept to loopback, daemons and srun listen at what their hostname resolves to, and connect from 127.0.0.1. Where
    those differ (Debian gives hostnames 127.0.1.1) srun hangs, so there they are given another hostname, 'localhost',
    in a namespace of their own (IN_OTHER_NAME).
    """
    name = socket.gethostname()
    try:
        addresses = {socket.gethostbyname(name), socket.gethostbyname(_short(name))}
    except OSError:
        return "localhost"
    return _short(name) if addresses == {ADDRESS} else "localhost"


def prefix() -> tuple[str, ...]:
    """What to put before a command of the cluster, that it has this hostname."""
    return () if hostname() == _short(socket.gethostname()) else IN_OTHER_NAME


def free_ports() -> int:
    """The first of N_PORTS free ports in a row.

    Below the range that the kernel gives to outgoing connections, so that none is taken while its daemon is away.
    At random, so that two clusters that start at the same moment hardly meet.
    """
    for _ in range(100):
        first = random.randrange(20000, 32000)
        if ports_free(first):
            return first
    raise ClusterError(f"No {N_PORTS} free ports in a row between 20000 and 32000 on {ADDRESS}.")


def ports_free(first: int) -> bool:
    """Whether all of a cluster's ports can be bound."""
    with ExitStack() as stack:
        for port in range(first, first + N_PORTS):
            try:
                stack.enter_context(_bound(port))
            except OSError:
                return False
    return True


def listening(port: int) -> bool:
    """Whether a process listens on a port, without a connection that its log would complain about."""
    wanted = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(wanted) and line.split()[3] == "0A" for line in lines)


def make_gpus(folder: Path) -> None:
    """Character devices that stand for GPUs; copies of /dev/null, never opened."""
    folder.mkdir(exist_ok=True)
    for index in range(GPUS):
        try:
            os.mknod(folder / f"gpu{index}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except FileExistsError:
            continue
        except PermissionError as error:
            raise UnsupportedHost("The fake GPUs need the right to make device nodes (CAP_MKNOD).") from error


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port of a cluster just ended is free
        bound.bind((ADDRESS, port))
    except OSError:
        bound.close()
        raise
    return bound


def _short(name: str) -> str:
    return name.split(".", maxsplit=1)[0]
