"""How each daemon is started, in the foreground, with all its files in the cluster's folder."""

from __future__ import annotations

from pathlib import Path

from tests.slurm.testcluster import host
from tests.slurm.testcluster.config import ADDRESS, NODES, Settings

IN_OWN_TMPFS = ("unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"')


def names(accounting: bool) -> list[str]:
    """The daemons in the order in which they start."""
    database = ["mariadbd", "slurmdbd"] if accounting else []
    return ["munged", *database, "slurmctld", *(f"slurmd.{node}" for node in NODES)]


def command(name: str, settings: Settings, private: Path | None, fresh: bool) -> list[str]:
    """The command line of a daemon. `fresh`: slurmctld forgets jobs and node states, but goes on counting job ids."""
    root = settings.root
    if name == "munged":
        return _munged(root)
    if name == "mariadbd":
        return _mariadbd(settings)
    line = list(host.prefix())
    if name == f"slurmd.{NODES[-1]}" and private:
        line += [*IN_OWN_TMPFS, str(private)]
    if name.startswith("slurmd."):
        return [*line, "slurmd", "-D", "-N", name.removeprefix("slurmd.")]
    return [*line, name, "-D", *(["-c"] if fresh and name == "slurmctld" else [])]


def create_database(root: Path) -> list[str]:
    """What makes the folder of the database. Its root user can log in from root's processes alone."""
    return [
        "mariadb-install-db",
        "--no-defaults",
        "--user=root",
        f"--datadir={root}/db",
        f"--tmpdir={root}/tmp",  # shared, the temporary tables of two databases made at once collide
        "--skip-test-db",
        "--auth-root-authentication-method=socket",
    ]


def _munged(root: Path) -> list[str]:
    """--force: a temporary folder that only its owner can enter is a warning, not an error."""
    return [
        "munged",
        "--foreground",
        "--force",
        f"--key-file={root}/etc/munge.key",
        f"--socket={root}/run/munge.sock",
        f"--pid-file={root}/run/munged.pid",
        f"--log-file={root}/log/munged.log",
        f"--seed-file={root}/run/munged.seed",
    ]


def _mariadbd(settings: Settings) -> list[str]:
    root = settings.root
    return [
        "mariadbd",
        "--no-defaults",
        "--user=root",
        f"--datadir={root}/db",
        f"--tmpdir={root}/tmp",
        f"--socket={root}/run/mariadb.sock",
        f"--pid-file={root}/run/mariadb.pid",
        f"--bind-address={ADDRESS}",
        f"--port={settings.port_of('mariadbd')}",
        f"--init-file={root}/etc/database.sql",
        "--skip-name-resolve",
        "--innodb-flush-log-at-trx-commit=0",  # a database that nobody will miss need not wait for the disk
        "--innodb-lock-wait-timeout=900",  # what slurmdbd asks for
    ]
