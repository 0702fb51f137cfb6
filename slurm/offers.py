"""Offers: checks before submission whether the cluster can give what a profile asks for.

SLURM itself accepts jobs that never run: for example, a job over its partition's time limit waits for ever.
"""

from __future__ import annotations

import difflib
import math
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slurm.errors import SlurmUnavailable, quoted, refusal
from slurm.launcher import Array, chosen, script
from slurm.profile import Profile
from slurm.watcher import ask, run


@dataclass(frozen=True)
class Partition:
    """What one partition offers."""

    name: str
    """Its name in SLURM."""
    default: bool
    """Whether jobs that name no partition go there."""
    state: str
    """"up", "down", "drain" or "inact"."""
    nodes: int
    """Number of nodes."""
    cpus: int
    """CPUs of the node that has most."""
    memory_gb: float
    """GiB of the node that has most."""
    gpus: int
    """GPUs of the node that has most."""
    max_minutes: float
    """Time limit in minutes; infinite if there is none."""


def partitions() -> list[Partition]:
    """All partitions, including hidden ones. Raises SlurmUnavailable."""
    return parse_partitions(ask(["sinfo", "--all", "--noheader", "--exact", "--format=%P|%a|%l|%D|%c|%m|%G"], 20))


def parse_partitions(output: str) -> list[Partition]:
    """The partitions in sinfo's output, which has one row per partition and kind of node."""
    by_name: dict[str, Partition] = {}
    for line in output.splitlines():
        cells = line.split("|")
        forms = (r"[^\s|]+", "[a-z]+", r"infinite|n/a|(\d+-)?\d+(:\d+)*", r"\d+", r"\d+", r"\d+", ".*")
        if len(cells) != 7 or not all(re.fullmatch(form, cell) for form, cell in zip(forms, cells, strict=True)):
            raise SlurmUnavailable(f"sinfo answers with a line that is no row: {quoted(line)}.")
        name, state, limit, nodes, cpus, memory, gres = cells
        per_node = int(cpus), int(memory) / 1024, _gpus(gres)
        row = Partition(name.rstrip("*"), name.endswith("*"), state, int(nodes), *per_node, _minutes(limit))
        by_name[row.name] = _merged(by_name[row.name], row) if row.name in by_name else row
    if not by_name:
        raise SlurmUnavailable("sinfo lists no partition.")
    return list(by_name.values())


def refusals(profile: Profile) -> list[str]:
    """One sentence per value that the cluster cannot give; [] if sbatch accepts all. Raises SlurmUnavailable."""
    return misfits(profile, chosen(profile, "partition"), partitions()) or _test_only(profile)


def misfits(profile: Profile, partition: str | None, offered: list[Partition]) -> list[str]:
    """Values of the profile that none of its partitions offers, judged by numbers; a job runs in one of them."""
    names = [offer.name for offer in offered]
    valid = f"Valid: {', '.join(names)}."
    wanted = partition.split(",") if partition else [offer.name for offer in offered if offer.default]
    if not wanted:
        return [f"partition is not given, and this cluster has no default. {valid}"]
    if unknown := [_unknown(name, names) for name in wanted if name not in names]:
        return [f"{text} {valid}" for text in unknown]
    candidates = [offer for offer in offered if offer.name in wanted]
    nodes = "has nodes of at most"
    problems = (
        _exceeds("minutes", profile.minutes, {offer.name: offer.max_minutes for offer in candidates}, "allows"),
        _exceeds("cpus", profile.cpus, {offer.name: offer.cpus for offer in candidates}, nodes),
        _exceeds("memory_gb", profile.memory_gb, {offer.name: offer.memory_gb for offer in candidates}, nodes),
        _exceeds("gpus", profile.gpus, {offer.name: offer.gpus for offer in candidates}, nodes),
    )
    return [problem for problem in problems if problem]


def _unknown(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"partition = '{name}': unknown." + (f" Did you mean '{close[0]}'?" if close else "")


def _exceeds(field: str, value: float, bounds: Mapping[str, float], verb: str) -> str | None:
    """The problem with one field; None if a partition is large enough."""
    if any(value <= bound for bound in bounds.values()):
        return None
    offers = ", ".join(f"partition {name} {verb} {math.floor(bound * 10) / 10:g}" for name, bound in bounds.items())
    return f"{field} = {value:g}: {offers}."


def _test_only(profile: Profile) -> list[str]:
    """The scheduler's own check, which also knows accounts, qualities of service and features."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test.sh"
        file.write_text(script(Array("test", (("test",),)), profile, Path(folder), None), encoding="utf-8")
        done = run(["sbatch", "--test-only", str(file)], 30)
    return [f"sbatch refuses: {refusal(done.stderr)}"] if done.returncode else []


def _merged(first: Partition, second: Partition) -> Partition:
    """One partition from two kinds of its nodes."""
    return Partition(
        first.name,
        first.default,
        first.state,
        first.nodes + second.nodes,
        max(first.cpus, second.cpus),
        max(first.memory_gb, second.memory_gb),
        max(first.gpus, second.gpus),
        first.max_minutes,
    )


def _gpus(gres: str) -> int:
    """Number of GPUs, e.g. 6 from 'gpu:a100:4(S:0-1),gpu:2,mps:100'."""
    return sum(int(count) for count in re.findall(r"\bgpu:(?:[^:,()]+:)?(\d+)", gres))


def _minutes(limit: str) -> float:
    """Minutes from '1-02:00:00', '2:00:00', '30:00' (minutes and seconds) or 'infinite'."""
    days, _, clock = limit.rpartition("-")
    if not re.fullmatch(r"\d+(:\d+)*", clock):
        return math.inf
    parts = [int(part) for part in clock.split(":")]
    hours, minutes, seconds = [0] * (3 - len(parts)) + parts
    return int(days or 0) * 1440 + hours * 60 + minutes + seconds / 60
