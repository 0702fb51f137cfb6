"""Where the numbers come from."""

from __future__ import annotations

import shlex

from bench.plan.request import parse_assignment
from bench.show.report.provenance import command, provenance
from bench.store.labs import Labs
from bench.store.record import ClusterJob, Provenance
from tests.bench.show.report import factory


def test_command_is_of_this_run_alone() -> None:
    spec = factory.record("topk", seed=3, variant={"k": 8, "name": "on", "sizes": [1, 2]}).spec
    words = shlex.split(command(spec))
    assert words[words.index("--seeds") + 1] == "3,"
    values = [parse_assignment(words[i + 1]) for i, word in enumerate(words) if word == "--set"]
    assert values == [("topk", "k", (8,)), ("topk", "name", ("on",)), ("topk", "sizes", ([1, 2],))]


def test_warnings() -> None:
    shared = factory.record("a", seed=0, metrics={"fvu": 1.0}).model_copy(update={"timings_shared": True})
    other = factory.record("a", seed=1, metrics={"fvu": 1.0}, commit="1234567890abcdef")
    older = factory.record("a", seed=2, metrics={"fvu": 1.0})
    changed = older.spec.model_copy(update={"max_steps": 7})
    older = older.model_copy(update={"spec": changed, "provenance": Provenance()})
    other.provenance.cluster = ClusterJob(differs=["torch 2.5"])
    text = " ".join(provenance(factory.boards_of([shared, other, older]), Labs())["warnings"])
    for words in ("2 commits", "1 older run", "torch 2.5", "1 run had company"):
        assert words in text


def test_runs_name_the_command_of_their_study_by_its_number() -> None:
    runs = [factory.record("a", seed=seed, metrics={"fvu": 1.0}) for seed in range(3)]
    runs[2].provenance.command = "python -m bench run --models a"
    found = provenance(factory.boards_of(runs), Labs())
    assert found["studies"] == ["python -m bench run --models all", "python -m bench run --models a"]
    assert [run["study"] for run in found["runs"]] == [1, 1, 2]


def test_one_thread_is_one() -> None:
    (environment,) = provenance(factory.boards_of([factory.record("a", metrics={"fvu": 1.0})]), Labs())["environments"]
    assert environment.endswith("2 cores, device cpu, 1 thread")
