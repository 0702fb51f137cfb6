"""The texts of slurm.conf, gres.conf, slurmdbd.conf and the first SQL of the database. Touches no disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ADDRESS = "127.0.0.1"
NODES = ("n1", "n2", "n3")
CPUS = 4
GPUS = 2
MEMORY_MB = 4000
PARTITIONS = {
    "test": "Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=20",
    "nograce": "MaxTime=INFINITE PriorityTier=1 GraceTime=0",
    "hi": "MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF",
    "short": "MaxTime=2 PriorityTier=1 GraceTime=0",
}
SERVERS = ("slurmctld", "slurmdbd", "mariadbd")  # with NODES: what needs a port
N_PORTS = len(SERVERS) + len(NODES)


@dataclass(frozen=True)
class Settings:
    """What the texts depend on."""

    root: Path
    host: str
    """The hostname that the daemons see, which resolves to ADDRESS."""
    port: int
    """The first of N_PORTS in a row."""
    accounting: bool = False
    password: str = ""
    """Of the database user."""
    options: Mapping[str, str] = field(default_factory=dict)

    def port_of(self, daemon: str) -> int | None:
        """The port that a daemon listens on; munged has none."""
        names = (*SERVERS, *(f"slurmd.{node}" for node in NODES))
        return self.port + names.index(daemon) if daemon in names else None


def slurm_conf(settings: Settings) -> str:
    """slurm.conf: the defaults below, replaced and added to by the options."""
    lines = {**_identity(settings), **_behaviour(), **_accounting(settings), **settings.options}
    first = settings.port_of(f"slurmd.{NODES[0]}")
    last = settings.port_of(f"slurmd.{NODES[-1]}")
    nodes = (
        f"NodeName={','.join(NODES)} NodeHostname={settings.host} NodeAddr={ADDRESS} Port=[{first}-{last}] "
        f"CPUs={CPUS} RealMemory={MEMORY_MB} Gres=gpu:{GPUS} State=UNKNOWN"
    )
    partitions = [f"PartitionName={name} Nodes=ALL State=UP {text}" for name, text in PARTITIONS.items()]
    return "\n".join([*(f"{key}={value}" for key, value in lines.items()), nodes, *partitions, ""])


def gres_conf(root: Path) -> str:
    """gres.conf: only character devices get CUDA_VISIBLE_DEVICES set; a bare count takes the node out of service."""
    return f"NodeName={','.join(NODES)} Name=gpu File={root}/dev/gpu[0-{GPUS - 1}]\n"


def slurmdbd_conf(settings: Settings) -> str:
    """slurmdbd.conf, which Slurm insists is readable by its owner alone."""
    root = settings.root
    lines = {
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={root}/run/munge.sock",
        "DbdHost": settings.host,
        "DbdAddr": ADDRESS,
        "DbdPort": settings.port_of("slurmdbd"),
        "CommunicationParameters": "NoInAddrAny",
        "SlurmUser": "root",
        "LogFile": f"{root}/log/slurmdbd.log",
        "PidFile": f"{root}/run/slurmdbd.pid",
        "StorageType": "accounting_storage/mysql",
        "StorageHost": ADDRESS,
        "StoragePort": settings.port_of("mariadbd"),
        "StorageUser": "slurm",
        "StoragePass": settings.password,
        "StorageLoc": "slurm_acct_db",
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def database_sql(settings: Settings) -> str:
    """The database and its user, run at every start of mariadbd; one statement a line."""
    return (
        "CREATE DATABASE IF NOT EXISTS slurm_acct_db;\n"
        f"CREATE OR REPLACE USER 'slurm'@'127.%' IDENTIFIED BY '{settings.password}';\n"
        "GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.%';\n"
    )


def _identity(settings: Settings) -> dict[str, object]:
    """Who listens where, and where files are."""
    root = settings.root
    return {
        "ClusterName": "loop",
        "SlurmctldHost": f"{settings.host}({ADDRESS})",
        "SlurmctldPort": settings.port_of("slurmctld"),
        "CommunicationParameters": "NoInAddrAny,NoCtldInAddrAny",
        # munge also without accounting: it costs 0.1 s, it is what clusters use, and auth/none believes any
        # client about who it is. cred_expire is also how long a requeued job waits to start (default 120 s).
        "AuthType": "auth/munge",
        "CredType": "cred/munge",
        "AuthInfo": f"socket={root}/run/munge.sock,cred_expire=10",
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "StateSaveLocation": f"{root}/state",
        "SlurmdSpoolDir": f"{root}/spool.%n",
        "SlurmctldPidFile": f"{root}/run/slurmctld.pid",
        "SlurmdPidFile": f"{root}/run/slurmd.%n.pid",
        "SlurmctldLogFile": f"{root}/log/slurmctld.log",
        "SlurmdLogFile": f"{root}/log/slurmd.%n.log",
    }


def _behaviour() -> dict[str, object]:
    """Quick scheduling and short waits; no cgroups, which a container may not have (so no memory limits either)."""
    return {
        "MailProg": "/bin/true",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core",
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=0",
        "SlurmdParameters": "config_overrides",  # more CPUs than the machine has
        "SlurmctldParameters": "preempt_send_user_signal",
        "ReturnToService": 2,
        "SlurmctldTimeout": 30,
        "SlurmdTimeout": 15,
        "KillWait": 5,
        "MinJobAge": 3600,
        "JobRequeue": 1,
        "PreemptType": "preempt/partition_prio",
        "PreemptMode": "REQUEUE",
        "GresTypes": "gpu",
    }


def _accounting(settings: Settings) -> dict[str, object]:
    if not settings.accounting:
        return {"AccountingStorageType": "accounting_storage/none"}
    return {
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": ADDRESS,
        "AccountingStoragePort": settings.port_of("slurmdbd"),
        "AccountingStoragePass": f"{settings.root}/run/munge.sock",
        "AccountingStorageTRES": "gres/gpu",
    }
