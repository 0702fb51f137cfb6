"""What a job of a cluster does, without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.cluster import node
from bench.cluster.node import carry_out, differences
from bench.errors import BenchError
from bench.store.record import Software
from bench.store.runs import RunStore
from tests.bench.cli.helpers import metric_file
from tests.bench.cluster.helpers import plan_of, submitted

HEAVY = ("torch", "pandas", "sklearn", "matplotlib")
"""What the process that only watches its workers has no use for, and pays for in memory on every node."""


class Never:
    """Nothing asks the job to stop."""

    grace, timed_out = 1.0, False

    def requested(self) -> bool:
        return False


class AtOnce(Never):
    """The job is to stop before it has begun."""

    def requested(self) -> bool:
        return True


def test_the_process_that_watches_the_workers_imports_no_torch(tmp_path: Path) -> None:
    """A memory limit is per job: what each job has beside its runs is taken from them."""
    store, plan = RunStore(tmp_path), plan_of(tmp_path, seeds=1)
    run_id = plan.specs[0].run_id
    store.write_spec(plan.specs[0])
    folder = submitted(tmp_path, [[run_id]], metrics=("fvu",)).folder
    code = (
        "import sys\nimport bench.cluster.node as node\n"
        "class Never:\n"
        "    grace, timed_out = 1.0, False\n"
        "    def requested(self): return False\n"
        "if __name__ == '__main__':\n"
        f"    before = [name for name in {HEAVY} if name in sys.modules]\n"
        f"    ended = node.carry_out({str(folder)!r}, [{run_id!r}], Never())\n"
        f"    print(ended, before, [name for name in {HEAVY} if name in sys.modules])\n"
    )
    script = tmp_path / "job.py"
    script.write_text(code, encoding="utf-8")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=200, env={"PYTHONPATH": str(root)}
    )
    assert done.stdout.splitlines()[-1] == "True [] []", done.stdout + done.stderr
    record = store.load(run_id)
    assert record
    assert record.status == "done"


def test_a_job_carries_out_what_it_was_sent(tmp_path: Path) -> None:
    store, plan = RunStore(tmp_path / "runs"), plan_of(tmp_path / "runs", seeds=2)
    ids = [spec.run_id for spec in plan.specs]
    for spec in plan.specs:
        store.write_spec(spec)
    metrics = ("fvu", metric_file(tmp_path))
    ours = submitted(tmp_path / "runs", [ids], metrics=metrics, command="python -m bench run --seeds 2")
    assert carry_out(str(ours.folder), ids, Never())
    for record in store.scan().records:
        assert record.status == "done"
        assert record.metrics.keys() == {"fvu", "size"}
        assert record.provenance.command == "python -m bench run --seeds 2"
        assert record.provenance.submission == ours.id
        assert record.provenance.cluster
        assert record.provenance.cluster.differs, "it was submitted with no software at all"
    assert len(store.scan().records) == 2


def test_a_job_that_is_to_stop_begins_no_other_run(tmp_path: Path) -> None:
    store, plan = RunStore(tmp_path), plan_of(tmp_path, seeds=2)
    for spec in plan.specs:
        store.write_spec(spec)
    ids = [spec.run_id for spec in plan.specs]
    ours = submitted(tmp_path, [ids])
    assert not carry_out(str(ours.folder), ids, AtOnce())
    assert store.load(ids[1]) is None, "the first was under way, and may have ended meanwhile"


@pytest.mark.parametrize(
    ("there", "here", "expected"),
    [
        ({"torch": "2.6", "numpy": "2.1"}, {"torch": "2.6", "numpy": "2.2"}, ["numpy 2.2, submitted with 2.1"]),
        ({}, {"torch": "2.6"}, ["torch 2.6, submitted with "]),
        ({"numpy": "2.1"}, {}, ["numpy None, submitted with 2.1"]),
        ({"commit": "a", "dirty": False}, {"commit": "a", "dirty": False}, []),
        ({"code": "a"}, {"code": "b"}, ["code b, submitted with a"]),
    ],
)
def test_other_software_is_named(there: dict[str, str], here: dict[str, str], expected: list[str]) -> None:
    assert differences(Software.model_validate(there), Software.model_validate(here)) == expected


def test_a_results_folder_that_goes_away_ends_the_job_and_is_not_made_again(tmp_path: Path) -> None:
    results = tmp_path / "old"
    store, plan = RunStore(results), plan_of(results, seeds=2)
    for spec in plan.specs:
        store.write_spec(spec)
    folder = submitted(results, [[spec.run_id for spec in plan.specs]]).folder

    class Moves(Never):
        """Moves the folder away when the first run is done."""

        def requested(self) -> bool:
            if store.folder(plan.specs[0].run_id).record_path.exists():
                results.rename(tmp_path / "new")
            return False

    with pytest.raises(BenchError, match=f"The results folder '{results}' was moved or deleted"):
        carry_out(str(folder), [spec.run_id for spec in plan.specs], Moves())
    assert not results.exists()
    assert [record.spec for record in RunStore(tmp_path / "new").scan().records] == plan.specs[:1]


def test_a_file_system_that_has_a_bad_moment_is_not_a_folder_that_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path) -> None:
        raise OSError(5, "Input/output error")

    there = node._WhileThere(tmp_path, Never())
    monkeypatch.setattr(node.os, "stat", fails)
    assert not there.requested()
    monkeypatch.undo()
    assert not there.requested()
    assert there.grace == 1.0
    assert node._WhileThere(tmp_path / "absent", Never()).requested()
