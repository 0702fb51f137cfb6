"""Daemons by pid file: started apart from this process, so that any later one can signal and end them."""

from __future__ import annotations

import os
import signal as signals
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.slurm.testcluster import processes
from tests.slurm.testcluster.errors import ClusterError

# Writes its pid and start time, then becomes the daemon. `setsid --fork` makes it nobody's child: the caller may end
# before it, and has no zombie to collect after it.
LAUNCH = ("setsid", "--fork", "sh", "-c", 'echo $$ $(cut -d" " -f22 /proc/$$/stat) >"$0" && exec "$@"')
END_S = 20.0
"""After this long a daemon that was asked to end is killed."""
KILL_S = 5.0


class Daemons:
    """The daemons of one cluster."""

    def __init__(self, root: Path) -> None:
        self.pids = root / "pids"
        self.logs = root / "log"

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a daemon; returns when its pid is known. ClusterError where it already runs."""
        if self.alive(name):
            raise ClusterError(f"{name} already runs, with pid {self._recorded(name)[0]}.")
        path = self.pids / name
        path.unlink(missing_ok=True)
        with (self.logs / f"{name}.out").open("ab") as output:
            subprocess.run(
                [*LAUNCH, str(path), *command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                check=True,
            )
        deadline = time.monotonic() + 5
        while not self._recorded(name)[0]:
            if time.monotonic() > deadline:
                raise ClusterError(f"{name} did not start. {self.tail(name)}")
            time.sleep(0.005)

    def stop(self, name: str, number: int = signals.SIGTERM, seconds: float = END_S) -> None:
        """Signal a daemon and return when it is gone; killed where it takes longer than `seconds`."""
        self.signal(name, number)
        self.signal(name, signals.SIGCONT)  # a stopped process would never get to the signal
        deadline = time.monotonic() + seconds
        while self.alive(name):
            if time.monotonic() > deadline:
                self.signal(name, signals.SIGKILL)
            if time.monotonic() > deadline + KILL_S:
                raise ClusterError(f"{name} outlives kill -9.")
            time.sleep(0.01)
        (self.pids / name).unlink(missing_ok=True)

    def signal(self, name: str, number: int) -> None:
        """Signal a daemon, if it runs."""
        if self.alive(name):
            processes.send(self._recorded(name)[0], number)

    def pid(self, name: str) -> int | None:
        """The pid of a daemon that runs."""
        return self._recorded(name)[0] if self.alive(name) else None

    def alive(self, name: str) -> bool:
        """Whether it runs, and is not another process that got its pid."""
        pid, started = self._recorded(name)
        row = processes.read(pid) if pid else None
        return row is not None and row.alive and row.started == started

    def running(self) -> list[str]:
        """The names of those that run."""
        return sorted(path.name for path in self.pids.glob("*") if self.alive(path.name))

    def tail(self, name: str, lines: int = 12) -> str:
        """The end of what it logged."""
        path = self.logs / f"{name}.out"
        text = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
        return "\n".join([f"The end of '{path}':", *text])

    def _recorded(self, name: str) -> tuple[int, str]:
        """Pid and start time as written at the start; 0 where there is none, or not yet the whole of it."""
        try:
            text = (self.pids / name).read_text()
        except FileNotFoundError:
            return 0, ""
        if not text.endswith(os.linesep):
            return 0, ""
        pid, started = text.split()
        return int(pid), started
