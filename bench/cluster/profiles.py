"""From a name or a file, and single values, to a profile; and what the cluster says to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from tabulate import tabulate

from bench.errors import BenchError, describe_validation, unknown
from bench.plan.request import read_mapping, require_numbers, split_assignment
from bench.store.files import expanded
from slurm import offers
from slurm.profile import SHIPPED, Profile


def load_profile(name: str, changes: Sequence[str] = ()) -> Profile:
    """A profile that is shipped, or a file, with single values changed by KEY=VALUE. BenchError for what is invalid."""
    path = SHIPPED.get(name)
    if path is None:
        path = expanded(Path(name))
        if not path.suffix:
            raise unknown("profile", name, SHIPPED, "Or give a file, e.g. --profile my-cluster.yaml.")
    values = read_mapping(path, "profile", "'partition: gpu' and 'minutes: 60'", empty={})
    values |= dict(split_assignment("--slurm", change, "KEY=VALUE", "partition=gpu") for change in changes)
    for key in values:
        if key not in Profile.model_fields:
            raise unknown("key of a profile", key, Profile.model_fields)
    require_numbers(f"profile {name}", Profile, values)
    try:
        return Profile(**values)
    except ValidationError as error:
        raise BenchError(describe_validation(f"profile {name}", error)) from error


def check(profile: Profile) -> tuple[str, bool]:
    """What the cluster offers, and what of the profile it would refuse, as text; whether it would refuse it."""
    header = ["partition", "state", "nodes", "cores", "GiB", "GPUs", "minutes"]
    rows = [
        [f"{p.name}{' (default)' * p.default}", p.state, p.nodes, p.cpus, p.memory_gb, p.gpus, p.max_minutes]
        for p in offers.partitions()
    ]
    refusals = offers.refusals(profile)
    verdict = "\n".join(f"refused: {line}" for line in refusals) or "The cluster takes this profile."
    values = ", ".join(f"{key} {value}" for key, value in profile.model_dump(exclude_defaults=True).items())
    return f"{tabulate(rows, header, 'simple')}\n\nprofile: {values or 'defaults'}\n{verdict}", bool(refusals)


def require_accepted(profile: Profile) -> None:
    """BenchError that names all that the cluster would refuse, before anything is submitted."""
    if refusals := offers.refusals(profile):
        raise BenchError("\n".join([*refusals, "Change the profile, or a value with --slurm KEY=VALUE."]))
