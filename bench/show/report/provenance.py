"""Where the numbers come from: each run's command, software and machine, and what to be wary of."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from bench.compare.boards import Board, caveats, remarks
from bench.compare.names import without_lab
from bench.datasets import DATASETS
from bench.errors import counted
from bench.show.labs import owners, shares
from bench.store.labs import Labs
from bench.store.record import Provenance, Record
from bench.store.spec import RunSpec


def provenance(boards: Sequence[Board], labs: Labs) -> dict[str, Any]:
    """Warnings; labs; environments and commands of studies, each once; and the runs, which name theirs by number."""
    records = [record for board in boards for record in board.records]
    environments: dict[str, int] = {}
    studies: dict[str, int] = {}
    runs = [_run(record, environments, studies) | {"lab": owners(labs, record.run_id)} for record in records]
    warnings = [*labs.notes, *_warnings(boards, records)]
    lists = {"environments": list(environments), "studies": list(studies)}
    return {"warnings": warnings, "labs": shares(labs), **lists, "runs": runs}


def command(spec: RunSpec) -> str:
    """The command line that makes this run, and no other."""
    model = name = without_lab(spec)
    if spec.code is not None:
        model, name = spec.model_reference, spec.model_reference.rpartition(":")[2]
    dataset = spec.dataset if spec.dataset in DATASETS else spec.dataset_reference
    seed = f"{spec.seed},"  # without the comma it would be a number of seeds
    options = ["--models", model, "--datasets", dataset, "--seeds", seed]
    options += ["--settings", spec.settings, "--budget", spec.budget]
    for field, value in spec.variant.items():
        text = json.dumps([value] if isinstance(value, list) else value)  # JSON is YAML; a list alone is a grid
        options += ["--set", f"{name}.{field}={text}"]
    return shlex.join(["python", "-m", "bench", "run", *options])


def _run(record: Record, environments: dict[str, int], studies: dict[str, int]) -> dict[str, Any]:
    made, spec = record.provenance, record.spec
    return {
        "run_id": record.run_id,
        "status": record.status,
        "label": spec.label,
        "seed": spec.seed,
        "data": f"{spec.dataset} {spec.dataset_checksum[:12]}",
        "commit": (made.software and made.software.checkout) or "not recorded",
        "environment": environments.setdefault(_environment(made), len(environments) + 1),
        "made": made.end,
        "command": command(spec),
        "study": studies.setdefault(made.command, len(studies) + 1) if made.command else "",
    }


def _environment(made: Provenance) -> str:
    """Versions and machine in one line."""
    versions = [f"{name} {version}" for name, version in made.software.versions.items()] if made.software else []
    parts = []
    if made.hardware:
        parts = [words for words in (made.hardware.cpu, made.hardware.platform) if words]
        parts += [counted(made.hardware.cores, "core")] if made.hardware.cores else []
        parts += made.hardware.gpus
    parts += [f"device {made.device}"] if made.device else []
    parts += [counted(made.threads, "thread")] if made.threads else []
    return "; ".join(part for part in (", ".join(versions), ", ".join(parts)) if part) or "not recorded"


def _warnings(boards: Sequence[Board], records: Sequence[Record]) -> list[str]:
    """What makes rows of one board less comparable than they look."""
    found = []
    for board in boards:
        commits = sorted({s.checkout for r in board.records if (s := r.provenance.software) and s.commit})
        if len(commits) > 1:
            found.append(f"{board.title}: runs of {counted(len(commits), 'commit')} ({', '.join(commits)}).")
        found += [f"{words}." for words in caveats(board)]
    found += [f"{words}." for words in remarks(records)]
    shared = sum(record.timings_shared for record in records)
    if shared:
        found.append(f"{counted(shared, 'run')} had company on the machine: read their timings with care.")
    return found
