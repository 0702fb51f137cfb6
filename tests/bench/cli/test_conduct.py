"""From a plan to its runs, and what a person sees before, meanwhile and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from bench.cli import conduct
from bench.cli.conduct import carry_out, make_job, print_summary
from bench.cli.options import Execution
from bench.errors import BenchError, Interrupted
from bench.execute.dispatch import Batch, Executor, Survey
from bench.execute.job import Event, Job, OnEvent
from bench.show.plan import plan_text, variants_text
from bench.store.record import Record, RunError
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from tests.bench.cli.helpers import make, metric_file
from tests.results import put


class Scripted(Executor):
    """Notes what it is asked, in order, and does what the test says."""

    interrupted = "Kept: {runs}."

    def __init__(self, follows: bool = True, pending: int = 0, words: str = "", ends: int = 0) -> None:
        self.follows, self.pending, self.words, self.ends = follows, pending, words, ends
        self.calls: list[str] = []

    def place(self, job: Job, n_runs: int) -> str:
        return "elsewhere"

    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        raise AssertionError("laid out, not executed")

    def require(self, specs: Sequence[RunSpec], job: Job) -> list[str]:
        self.calls.append("require")
        return ["digits: of its data, a note."]

    def alone(self, results: Path) -> AbstractContextManager[object]:
        self.calls.append("alone")
        return nullcontext()

    def survey(self, specs: Sequence[RunSpec], store: RunStore, retry_failed: bool) -> Survey:
        self.calls.append("survey")
        return Survey(list(specs), ["on its way"] * self.pending)

    def lay_out(self, survey: Survey, job: Job, seconds: Mapping[str, float]) -> Batch:
        self.calls.append("lay out")

        def follow(on_event: OnEvent) -> str:
            self.calls.append("follow")
            for spec in survey.todo[: self.ends]:
                on_event(Event("skipped", spec.run_id, note="done elsewhere"))
            if self.ends:
                raise KeyboardInterrupt
            return self.words

        def hand_over() -> str:
            self.calls.append("hand over")
            return "Handed over."

        return Batch(follow, hand_over, survey.submitted, "  in one lorry", "#!/bin/lorry")


def conducted(root: Path, executor: Executor, **options: Any) -> bool:
    execution = Execution(device="cpu", **options)
    job = make_job(executor, execution, root, Path("unused"))
    return carry_out(make(root), RunStore(root), job, "a test", executor, execution)


def test_the_steps_of_a_plan_come_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    executor = Scripted(words="One truck broke down.")
    assert conducted(tmp_path, executor)
    assert executor.calls == ["require", "alone", "survey", "lay out", "hand over", "follow"]
    note, *said = capsys.readouterr().out.splitlines()
    assert note == "digits: of its data, a note."
    assert said[0] == "Plan: 1 run = 1 model x 1 dataset x 1 seed (a test)"
    assert said[1] == "  0 done, 0 failed, 1 to run; executor: elsewhere; no estimate yet"
    assert said[2:] == ["  in one lorry", "Handed over.", "One truck broke down."]


def test_a_dry_run_asks_and_prints_and_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    executor = Scripted()
    assert not conducted(tmp_path / "runs", executor, dry_run=True)
    assert executor.calls == ["survey", "lay out"]
    assert capsys.readouterr().out.endswith("  in one lorry\n\n#!/bin/lorry\n")
    assert not (tmp_path / "runs").exists()


def test_a_command_that_hands_its_runs_over_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    executor = Scripted(follows=False, pending=1)
    assert not conducted(tmp_path, executor), "nothing is there to be summed up"
    assert "follow" not in executor.calls
    assert f"Next: python -m bench status --results {tmp_path}" in capsys.readouterr().out


def test_a_command_with_nothing_to_hand_over_goes_on_to_its_summary(tmp_path: Path) -> None:
    executor = Scripted(follows=False)
    assert conducted(tmp_path, executor)
    assert executor.calls[-1] == "follow"


def test_ctrl_c_says_what_is_kept(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=r"Kept: 1 run\."):
        conducted(tmp_path, Scripted(ends=1))


def test_a_results_folder_that_refuses_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    executor = Scripted()
    with pytest.raises(BenchError, match="cannot be written"):
        conducted(tmp_path / "file" / "runs", executor)
    assert executor.calls == []


def test_files_of_metrics_are_named_by_their_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    executor, metrics = Scripted(), ("all", "fvu", "own.py:mine", "some.module:mine")
    job = make_job(executor, Execution(device="cpu"), Path("runs"), Path("data"), metrics, force=True)
    assert job.metrics == ("all", "fvu", f"{tmp_path}/own.py:mine", "some.module:mine")
    assert (job.device, job.force) == ("cpu", True)
    assert job.command.startswith("python -m bench")


def record(spec: RunSpec, **fields: Any) -> Record:
    return Record(**({"run_id": spec.run_id, "spec": spec, "status": "done", "metrics": {"fvu": 0.5}} | fields))


NO_HEADWAY = RunError(type="NoHeadwayError", message="no headway", traceback="...")


@pytest.mark.parametrize(
    ("fields", "well", "words"),
    [
        ({}, True, "2 done (0 of them before), 0 failed, 0 missing of 2 runs."),
        (
            {"status": "timeout", "error": NO_HEADWAY},
            False,
            "1 done (0 of them before), 1 failed, 0 missing of 2 runs.",
        ),
        (
            {"metric_errors": {"l0": "no", "mcc": "no"}},
            False,
            "0 missing of 2 runs; 2 metrics failed in runs that are done: l0, mcc.",
        ),
    ],
)
def test_the_summary_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, Any], well: bool, words: str
) -> None:
    store, plan = RunStore(tmp_path), make(tmp_path, seeds="2")
    put(store, record(plan.specs[0]))
    put(store, record(plan.specs[1], **fields))
    assert print_summary(plan, store) == well
    said = capsys.readouterr().out
    assert words in said
    assert ("--retry-failed" in said) == (fields.get("status") == "timeout")
    assert "digits, native setting, smoke budget" in said
    for name in ("leaderboard.md", "leaderboard.csv", "leaderboard.json", "leaderboard.tex", "report.html"):
        assert (tmp_path / name).is_file()


def error(kind: str, message: str = "no") -> dict[str, Any]:
    return {"status": "failed", "error": RunError(type=kind, message=message, traceback="...")}


@pytest.mark.parametrize(
    ("fields", "trained", "expected"),
    [
        (error("ValueError"), False, "1 run failed by what the model or its hyperparameters are"),
        (error("OSError", "[Errno 28] No space left on device"), False, "issue the same command with --retry-failed"),
        (error("WorkerDiedError"), False, "issue the same command with --retry-failed"),
        (error("ValueError"), True, "1 run trained, but not evaluated"),
    ],
)
def test_what_can_help_is_what_is_recommended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, Any], trained: bool, expected: str
) -> None:
    store, plan = RunStore(tmp_path), make(tmp_path)
    (spec,) = plan.specs
    store.folder(spec.run_id).make()
    if trained:
        (store.folder(spec.run_id).path / "weights.safetensors").write_bytes(b"of a training")
    put(store, record(spec, **fields))
    assert not print_summary(plan, store)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Next: ")]
    assert len(lines) == 1
    assert expected in lines[0]
    assert ("--retry-failed" in lines[0]) == ("--retry-failed" in expected)


def test_the_board_is_of_this_plans_runs_and_the_tables_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = RunStore(tmp_path)
    for model in ("random", "pca"):
        (spec,) = make(tmp_path, models=model).specs
        put(store, record(spec))
    assert print_summary(make(tmp_path), store)
    assert "pca" not in capsys.readouterr().out
    assert "pca" in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")


def test_without_any_record_the_summary_says_that_all_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not print_summary(make(tmp_path), RunStore(tmp_path))
    assert capsys.readouterr().out == "0 done (0 of them before), 0 failed, 1 missing of 1 run.\n"


def test_a_plan_as_text(tmp_path: Path) -> None:
    store, plan = RunStore(tmp_path), make(tmp_path, seeds="3")
    ids = [spec.run_id for spec in plan.specs]
    text = plan_text(plan, store, "words", "here", {ids[0]: 60.0, ids[1]: 30.0})
    estimate = "1 min 30 s of work, one run after another, for the 2 whose like has run before"
    assert text.endswith(f"3 to run; executor: here; estimate: {estimate}")
    other = type(plan)(plan.specs, [], [], [], ids[:1], ids[1:2], ids[2:])
    lines = plan_text(other, store, "words", "here", {}).splitlines()
    assert lines[1] == "  0 done, 0 failed, 1 unreadable, 1 submitted, 1 lost, 0 to run; nothing to do"
    assert str(store.folder(ids[0]).record_path) in lines[2]
    assert "--retry-failed" in lines[3]


def test_a_dry_run_lists_the_variants_with_what_differs_and_what_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"models": "topk,mean", "set": ["topk.k=[1,2]"], "seeds": "2"}
    put(RunStore(tmp_path), record(make(tmp_path, **keys).specs[0]))
    plan = make(tmp_path, **keys)
    header, _, *rows = [line.split() for line in variants_text(plan).splitlines()]
    assert header == ["model", "setting", "what", "differs", "runs", "done", "to", "run"]
    assert rows == [
        ["topk", "native", "k=1", "2", "1", "1"],
        ["topk", "native", "k=2", "2", "0", "2"],
        ["mean", "native", "1", "0", "1"],
    ]
    assert not conducted(tmp_path, Scripted(), dry_run=True)
    assert variants_text(make(tmp_path)) in capsys.readouterr().out


def test_an_estimate_is_of_runs_like_these(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = make(tmp_path, seeds=[7]).specs[0]
    put(RunStore(tmp_path), record(spec, timings={"total": 60.0}))
    assert conducted(tmp_path, Scripted())
    said = " ".join(capsys.readouterr().out.split())
    assert "estimate: 1 min 00 s of work, one run after another, for the 1 whose like has run before" in said


def test_what_makes_a_metric_file_is_left_to_others(tmp_path: Path) -> None:
    assert conduct.METRIC_REGISTRY.find(metric_file(tmp_path)).name == "size"
