"""A cluster from its folder: up, down, and the faults that tests put into it."""

from __future__ import annotations

import os
import signal as signals
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from tests.slurm.testcluster import commands, files, host, processes
from tests.slurm.testcluster.config import NODES, Settings
from tests.slurm.testcluster.daemons import Daemons
from tests.slurm.testcluster.errors import ClusterError

UP_S = 60.0
CLIENT_S = 120.0
CANCEL_S = 2.0
ALL_IDLE = [f"{node}=idle" for node in NODES]


class Cluster:
    """A real SLURM on loopback: three nodes, four CPUs and two fake GPUs each, all on this machine.

    Parameters
    ----------
    root
        Its folder: configuration, keys, spool, state, logs and pids. A short path of plain characters. Used again, it
        goes on counting job ids where it left off (where slurmctld was last killed, from what it had saved), while a
        new folder has a job 1 again, which whoever keeps results by job id takes for the old one.
    accounting
        With slurmdbd and a MariaDB of its own, for a `sacct` that works.
    options
        Keys of slurm.conf that replace, or add to, the defaults.
    private
        A folder that node n3 sees as an empty one of its own, as a node does that does not share it.
    """

    nodes: tuple[str, ...] = NODES

    def __init__(
        self,
        root: Path,
        *,
        accounting: bool = False,
        options: Mapping[str, str] | None = None,
        private: Path | None = None,
    ) -> None:
        self.root = root.resolve()
        self.accounting = accounting
        self.options = dict(options or {})
        self.private = private.resolve() if private else None
        self.conf = self.root / "etc" / "slurm.conf"
        self.env = {"SLURM_CONF": str(self.conf)}
        self._daemons = Daemons(self.root)

    def __enter__(self) -> Cluster:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self) -> None:
        """Start all daemons; returns when all nodes are idle. ClusterError, with a log, where that fails."""
        host.require(self.accounting)
        if running := self.running():
            raise ClusterError(f"'{self.root}' has a cluster that is up ({', '.join(running)} run). End it first.")
        self._require_private()
        try:
            settings = files.write(self.root, self.accounting, self.options)
            for name in commands.names(self.accounting):
                self._start(name, fresh=True)
            self._wait_idle(settings)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Cancel the jobs, end every daemon, whoever started it, and what they left. The logs stay."""
        for name in self.running():
            self.signal(name, signals.SIGCONT)
        if self._daemons.alive("slurmctld"):
            self._cancel_jobs()
        for node in self.nodes:  # all asked first, then awaited
            self.signal(f"slurmd.{node}", signals.SIGTERM)
        for name in reversed(commands.names(accounting=True)):
            self.stop(name)
        processes.kill(self.root)

    def start(self, daemon: str) -> None:
        """Start one daemon of a cluster that is up, again; returns when it listens."""
        self._require_name(daemon)
        self._start(daemon, fresh=False)

    def restore(self) -> None:
        """Take back nodes that SLURM has drained; returns when all have answered the controller and are idle."""

        def restored() -> bool:
            self.resume_drained()
            return self._node_states() == ALL_IDLE

        self.wait(restored, UP_S, "all nodes to be idle")

    def resume_drained(self) -> None:
        """Take back nodes that SLURM has drained, as an administrator does; does not wait for them."""
        for node, _, state in (each.partition("=") for each in self._node_states()):
            if state.startswith("drain"):
                self.client("scontrol", "update", f"nodename={node}", "state=resume", check=False)

    def stop(self, daemon: str, signal: int = signals.SIGTERM) -> None:
        """End one daemon with a signal; returns when it is gone. One that lingers for 20 s is killed."""
        self._require_name(daemon)
        self._daemons.stop(daemon, signal)

    def signal(self, daemon: str, sig: int) -> None:
        """Send a daemon a signal, SIGSTOP say."""
        self._require_name(daemon)
        self._daemons.signal(daemon, sig)

    def running(self) -> list[str]:
        """The daemons that run."""
        return self._daemons.running()

    def crash(self, node: str) -> None:
        """End a node as a power cut does: its slurmd, and the jobs on it with all their processes, at once."""
        name = f"slurmd.{node}"
        self._require_name(name)
        pid = self._daemons.pid(name)
        processes.kill(self.root, node, also=frozenset([pid] if pid else []))

    def set_node(self, node: str, state: str) -> None:
        """Set a node's state: down, drain, resume."""
        self.client("scontrol", "update", f"nodename={node}", f"state={state}", "reason=testcluster")

    def client(self, *command: str, check: bool = True) -> str:
        """Run squeue, scontrol, ...; returns what it printed. ClusterError where it fails and `check` is on."""
        try:
            done = subprocess.run(
                [*host.prefix(), *command],
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=CLIENT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClusterError(f"{' '.join(command)}: {error}") from error
        if check and done.returncode:
            raise ClusterError(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait for a condition; returns the seconds it took. ClusterError that names `what` where it does not come."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() - start > seconds:
                raise ClusterError(f"Waited {seconds:g} s for {what}.")
            time.sleep(0.1)
        return time.monotonic() - start

    def _start(self, name: str, fresh: bool) -> None:
        settings = files.load(self.root, self.accounting)
        command = commands.command(name, settings, self.private, fresh)
        self._daemons.start(name, command, self._environment())
        deadline = time.monotonic() + UP_S
        while not self._ready(name, settings):
            if not self._daemons.alive(name):
                raise ClusterError(f"{name} ended at once. {self._daemons.tail(name)}")
            if time.monotonic() > deadline:
                raise ClusterError(f"{name} is not ready after {UP_S:g} s. {self._daemons.tail(name)}")
            time.sleep(0.02)

    def _ready(self, name: str, settings: Settings) -> bool:
        port = settings.port_of(name)
        return host.listening(port) if port else (self.root / "run" / "munge.sock").exists()

    def _wait_idle(self, settings: Settings) -> None:
        """Until every node is idle and, with accounting, the database knows the cluster."""
        states: list[str] = []

        def idle() -> bool:
            for name in commands.names(self.accounting):
                if not self._daemons.alive(name):
                    raise ClusterError(f"{name} ended. {self._daemons.tail(name)}")
            states[:] = self._node_states()
            return states == ALL_IDLE and (not self.accounting or self._registered(settings))

        try:
            self.wait(idle, UP_S, "all nodes to be idle")
        except ClusterError as error:
            raise ClusterError(f"{error} Nodes: {' '.join(states)}. {self._daemons.tail('slurmctld')}") from error

    def _node_states(self) -> list[str]:
        """'n1=idle' for each node, in order."""
        return self.client("sinfo", "-h", "-N", "-p", "test", "-o", "%N=%T", check=False).split()

    def _registered(self, settings: Settings) -> bool:
        port = self.client("sacctmgr", "-nP", "list", "cluster", "format=ControlPort", check=False).strip()
        return port == str(settings.port_of("slurmctld"))

    def _cancel_jobs(self) -> None:
        """Two seconds for jobs to end of themselves; what is left after that is killed."""
        self.client("scancel", "--quiet", "--user=root", check=False)
        deadline = time.monotonic() + CANCEL_S
        while processes.of_cluster(self.root) and time.monotonic() < deadline:
            time.sleep(0.05)
        processes.kill(self.root)

    def _environment(self) -> dict[str, str]:
        """This process's, less what it may have from a job of another SLURM."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "SBATCH_", "SRUN_"))}
        return {**kept, **self.env, "PATH": host.PATH}

    def _require_name(self, daemon: str) -> None:
        names = commands.names(accounting=True)
        if daemon not in names:
            raise ClusterError(f"Unknown daemon '{daemon}'. Valid: {', '.join(names)}.")

    def _require_private(self) -> None:
        if self.private and self.root.is_relative_to(self.private):
            raise ClusterError(f"'{self.private}' cannot be private to a node: the cluster's own files are below it.")
