"""`python -m tests.slurm.soak`: ten minutes of kills on a real SLURM, each of a run that has a checkpoint.

Workers, their parents and slurmstepd are killed with -9, and jobs are queued again, at random. The command is issued
again with --retry-failed all along. In the end every run has one record, with the numbers and weights of a run that
nobody disturbed. Needs what the tests marked `cluster` need. Exit status 1 if a run differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.store.lock import Owner
from bench.store.record import Record
from tests.slurm.harness import REPOSITORY, Bench, numbers
from tests.slurm.testcluster import Cluster, processes

AT_A_TIME = 8
"""Runs that are to do; for each that is done another seed is asked for."""
PAUSE = 3.0
"""Seconds of a step, of which a run has 20: six checkpoints in an undisturbed minute."""
KILL_SECONDS = 6.0
COMMAND_SECONDS = 20.0
KINDS = {"requeue": 4, "parent": 3, "slurmstepd": 2, "worker": 1}
"""How often each happens; a worker that dies leaves a failed record, and its run begins again."""


@dataclass
class Soak:
    """What has happened so far."""

    bench: Bench
    """The results folder, and commands on it."""
    cluster: Cluster
    """The SLURM that runs it."""
    random: random.Random
    """What to kill next."""
    kills: Counter[str] = field(default_factory=Counter)
    """By kind."""
    kills_of_run: Counter[str] = field(default_factory=Counter)
    """By run."""
    done: dict[str, int] = field(default_factory=dict)
    """Run id -> when its record was written, in nanoseconds."""
    n_runs: int = AT_A_TIME
    """Seeds that are asked for."""

    def command(self) -> str:
        """Submit what is not on its way."""
        study = self.bench.run("--set", f"Slow.pause={PAUSE:g}", "--seeds", str(self.n_runs), "--retry-failed")
        return self.bench(*study, code=None)

    def disturb(self, seconds: float) -> None:
        """Kill, and issue the command again, for so long."""
        start = last_command = time.monotonic()
        while time.monotonic() - start < seconds:
            time.sleep(KILL_SECONDS * self.random.uniform(0.5, 1.5))
            self.note_done()
            victims = {
                run_id: owner
                for run_id, owner in self.bench.owners().items()
                if (self.bench.results / run_id / "checkpoint.pt").exists()
            }
            if victims:
                run_id = self.random.choice(sorted(victims))
                self.kill(run_id, victims[run_id])
            if time.monotonic() - last_command > COMMAND_SECONDS:
                self.n_runs = len(self.done) + AT_A_TIME
                self.command()
                last_command = time.monotonic()

    def kill(self, run_id: str, owner: Owner) -> None:
        """End a run in one of the ways."""
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        if kind == "requeue":
            self.cluster.client("scontrol", "requeue", owner.job, check=False)
        elif (pid := _pid(kind, owner)) is not None:
            processes.send(pid, signal.SIGKILL)
        else:
            return
        self.kills[kind] += 1
        self.kills_of_run[run_id] += 1
        print(f"{time.strftime('%H:%M:%S')} {kind} {run_id}", flush=True)

    def note_done(self) -> None:
        """Remember each record that is done: it may not be written again."""
        for record in self.bench.records():
            if record.status == "done":
                written = self.bench.store.folder(record.run_id).record_path.stat().st_mtime_ns
                assert self.done.setdefault(record.run_id, written) == written, f"{record.run_id} was written twice"

    def finish(self, seconds: float) -> None:
        """Leave the runs alone until all are done."""
        deadline = time.monotonic() + seconds
        while len(self.done) < self.n_runs and time.monotonic() < deadline:
            self.command()
            time.sleep(COMMAND_SECONDS / 2)
            self.note_done()

    def differences(self) -> list[str]:
        """What of the runs is not as an undisturbed run leaves it."""
        expected = _undisturbed(self.bench.folder / "alone", self.n_runs)
        found = {record.spec.seed: record for record in self.bench.records()}
        words = [f"seed {seed}: no record" for seed in expected.keys() - found.keys()]
        for seed, record in found.items():
            alone, record_alone = expected[seed]
            if record.status != "done":
                words.append(f"seed {seed}: {record.status}")
            elif numbers(record) != numbers(record_alone):
                words.append(f"seed {seed}: other numbers")
            elif not _same_weights(self.bench, record.run_id, alone, record_alone.run_id):
                words.append(f"seed {seed}: other weights")
        return words


def _pid(kind: str, owner: Owner) -> int | None:
    """The process of a kind, from a run's worker upwards."""
    if kind == "worker":
        return owner.pid
    row = processes.read(owner.pid)
    if kind == "parent" or row is None:
        return row.parent if row and row.parent > 1 else None
    pid = row.parent
    while pid > 1:
        if os.path.basename(os.path.realpath(f"/proc/{pid}/exe")).startswith("slurmstepd"):
            return pid
        row = processes.read(pid)
        pid = row.parent if row else 0
    return None


def _undisturbed(folder: Path, n_runs: int) -> dict[int, tuple[Bench, Record]]:
    """The same runs by seed, here, at once and without a pause."""
    alone = Bench(folder, folder / "runs")
    model = ["--models", f"{alone.folder / 'slow.py'}:Slow", "--budget", "smoke"]
    alone("run", *model, "--seeds", str(n_runs))
    return {record.spec.seed: (alone, record) for record in alone.records()}


def _same_weights(one: Bench, run_id: str, other: Bench, other_id: str) -> bool:
    first, second = one.store.folder(run_id).weights(), other.store.folder(other_id).weights()
    return first.keys() == second.keys() and all(first[name].equal(second[name]) for name in first)


def main() -> int:
    """0 if every run came out as an undisturbed one."""
    parser = argparse.ArgumentParser(prog="python -m tests.slurm.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the kills (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, Cluster(Path(folder) / "slurm") as cluster:
        os.environ.update({**cluster.env, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"})
        bench = Bench(Path(folder), Path(folder) / "runs")
        soak = Soak(bench, cluster, random.Random(arguments.seed))
        start = time.monotonic()
        print(soak.command(), flush=True)
        soak.disturb(arguments.minutes * 60)
        disturbed = time.monotonic() - start
        soak.finish(600)
        total = time.monotonic() - start
        resumed = sum(record.provenance.resumed for record in bench.records())
        print(f"{sum(soak.kills.values())} kills in {disturbed:.0f} s: {dict(soak.kills)}; by run: {soak.kills_of_run}")
        print(f"{len(soak.done)} of {soak.n_runs} runs done after {total:.0f} s; training was resumed {resumed} times")
        print(bench("status", code=None))
        differences = soak.differences()
        print("\n".join(differences) or "Numbers and weights are those of runs that nobody disturbed.")
        left = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True).stdout
        print(f"Left in the queue: {left or 'nothing'}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
