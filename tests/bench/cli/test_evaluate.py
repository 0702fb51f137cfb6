"""`bench evaluate`: metrics that are new or have changed, on runs that are done, without training."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Timer

import pytest

from bench.cli import evaluate as verb
from bench.execute import reassess as module
from bench.store.lock import LockLostError, acquire
from bench.store.record import Record, RunError
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench, carry_out, make, metric_file, model_file
from tests.results import put


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of the mean and one of TopK. Read only."""
    folder = tmp_path_factory.mktemp("finished")
    carry_out(make(folder, models="mean,topk", set=["n_latents=64"]), folder)
    return folder


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may change."""
    return shutil.copytree(finished, tmp_path / "runs")


def records(folder: Path) -> dict[str, Record]:
    return {record.spec.model: record for record in RunStore(folder).scan().records}


def weights(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/weights.safetensors")}


def test_a_new_metric_is_computed_and_nothing_is_trained(runs: Path, tmp_path: Path) -> None:
    before, trained = records(runs), weights(runs)
    done = bench("evaluate", "--metrics", metric_file(tmp_path), "--results", str(runs))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 runs evaluated, 0 up to date, 0 failed." in done.stdout
    after = records(runs)
    for model, record in after.items():
        old = before[model]
        assert record.metrics.keys() == {"fvu", "l0", "size"}
        assert {name: record.metrics[name] for name in old.metrics} == old.metrics
        assert record.timings == old.timings
        assert record.provenance == old.provenance
        assert (record.spec, record.validation) == (old.spec, old.validation)
    assert weights(runs) == trained
    board = bench("leaderboard", "--results", str(runs))
    assert "size ↑" in board.stdout


def test_what_is_up_to_date_is_left_alone(runs: Path, tmp_path: Path) -> None:
    flags = ("evaluate", "--metrics", metric_file(tmp_path), "--results", str(runs))
    bench(*flags)
    before = {path: path.stat().st_mtime_ns for path in runs.glob("*/*.*")}
    again = bench(*flags)
    assert again.returncode == 0
    assert again.stdout == "0 runs evaluated, 2 up to date, 0 failed.\n"
    assert {path: path.stat().st_mtime_ns for path in runs.glob("*/*.*")} == before


def test_a_metric_whose_code_has_changed_is_computed_again(runs: Path, tmp_path: Path) -> None:
    old, new = (metric_file(tmp_path / name, factor=factor) for name, factor in (("old", 1.0), ("new", 3.0)))
    bench("evaluate", "--metrics", old, "--results", str(runs))
    before = records(runs)
    assert "2 runs evaluated" in bench("evaluate", "--metrics", new, "--results", str(runs)).stdout
    for model, record in records(runs).items():
        assert record.metrics["size"] == pytest.approx(3 * before[model].metrics["size"])


def test_only_the_runs_that_are_named_are_evaluated(runs: Path, tmp_path: Path) -> None:
    done = bench("evaluate", "topk", "--metrics", metric_file(tmp_path), "--results", str(runs))
    assert "1 run evaluated, 0 up to date, 0 failed." in done.stdout
    assert "size" in records(runs)["topk"].metrics
    assert "size" not in records(runs)["mean"].metrics


def test_a_run_whose_weights_are_gone_fails_and_the_others_do_not(runs: Path, tmp_path: Path) -> None:
    before = records(runs)
    next(runs.glob("mean*/weights.safetensors")).unlink()
    done = bench("evaluate", "--metrics", metric_file(tmp_path), "--results", str(runs))
    assert done.returncode == 1
    assert "1 run evaluated, 0 up to date, 1 failed." in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if " failed: " in line]
    assert line.startswith("mean-digits-s0-")
    assert "weights" in line
    assert "Traceback" not in done.stdout + done.stderr
    assert records(runs)["mean"] == before["mean"]
    assert "size" in records(runs)["topk"].metrics


def test_views_that_are_missing_or_damaged_are_made_again(runs: Path) -> None:
    mean, topk = (next(runs.glob(f"{model}*/views.npz")) for model in ("mean", "topk"))
    mean.unlink()
    topk.write_bytes(b"damaged")
    done = bench("evaluate", "--metrics", "fvu", "--results", str(runs))
    assert done.returncode == 0, done.stdout
    assert "2 runs evaluated" in done.stdout
    assert all(RunStore(runs).folder(path.parent.name).views() for path in (mean, topk))


def test_a_metric_that_fails_is_named_and_kept_in_the_record(runs: Path, tmp_path: Path) -> None:
    bad = metric_file(tmp_path, name="bad", does="raise RuntimeError('no')")
    done = bench("evaluate", "--metrics", bad, "--results", str(runs))
    assert done.returncode == 1
    assert "1 metric; 1 metric failed: bad" in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "bad failed in 2 runs: RuntimeError: no",
        "0 runs evaluated, 0 up to date, 2 failed.",
    ]
    assert records(runs)["mean"].metric_errors == {"bad": "RuntimeError: no"}


def test_what_only_training_can_tell_is_not_asked_again(runs: Path) -> None:
    done = bench("evaluate", "--metrics", "train_seconds,fvu", "--results", str(runs))
    assert done.stdout == "0 runs evaluated, 2 up to date, 0 failed.\n"


def test_runs_that_failed_are_left_alone(tmp_path: Path) -> None:
    carry_out(make(tmp_path, models=model_file(tmp_path, "raise RuntimeError('no')")), tmp_path)
    done = bench("evaluate", "--metrics", "fvu", "--results", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "0 runs evaluated, 0 up to date, 0 failed.\n")


def test_a_run_that_another_command_has_is_left_to_it(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "PATIENCE", 0.0)
    with RunStore(runs).claim(records(runs)["mean"].run_id):
        done = bench("evaluate", "--metrics", metric_file(tmp_path), "--results", str(runs))
    assert done.returncode == 1
    assert "another command is at it; looked at again later" in done.stdout
    assert "another command is at it; left to it" in done.stdout
    assert "1 run evaluated, 0 up to date, 0 failed, 1 left to another command." in done.stdout
    assert "size" in records(runs)["topk"].metrics


def test_a_run_that_another_command_has_is_waited_for(runs: Path, tmp_path: Path) -> None:
    store, name = RunStore(runs), records(runs)["mean"].run_id
    lock = acquire(store.folder(name).lock_path)
    assert lock
    Timer(1.0, lock.release).start()
    done = bench("evaluate", "--metrics", metric_file(tmp_path), "--results", str(runs))
    assert done.returncode == 0, done.stdout
    assert "2 runs evaluated, 0 up to date, 0 failed." in done.stdout
    assert "size" in records(runs)["mean"].metrics


def test_a_run_that_is_trained_only_is_finished(runs: Path) -> None:
    store, before = RunStore(runs), records(runs)["topk"]
    error = RunError(type="MemoryError", message="", traceback="...")
    failed = before.model_copy(update={"status": "failed", "error": error, "metrics": {}, "validation": {}})
    put(store, failed)
    store.folder(failed.run_id).path.joinpath("legend.json").unlink()
    done = bench("evaluate", "--metrics", "fvu,l0", "--results", str(runs))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 run evaluated, 1 up to date, 0 failed.")
    after = records(runs)["topk"]
    assert (after.status, after.error, after.metrics) == ("done", None, before.metrics)


def test_what_another_command_has_computed_meanwhile_is_kept(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = metric_file(tmp_path, name="first"), metric_file(tmp_path, name="second")
    real, inner = module.outdated, []

    def outdated(folder, *asked):  # type: ignore[no-untyped-def]
        names = real(folder, *asked)
        if not inner:
            inner.append("begun")
            inner.append(bench("evaluate", "mean", "--metrics", second, "--results", str(runs)))
        return names

    monkeypatch.setattr(module, "outdated", outdated)
    assert bench("evaluate", "mean", "--metrics", first, "--results", str(runs)).returncode == 0
    assert records(runs)["mean"].metrics.keys() == {"fvu", "l0", "first", "second"}


@pytest.mark.parametrize("error", [LockLostError("it was taken over"), RuntimeError("the model is at fault")])
def test_what_goes_wrong_with_one_run_costs_that_run(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real = module.reassess

    def reassess(run, record, *asked):  # type: ignore[no-untyped-def]
        if record.spec.model == "mean":
            raise error
        return real(run, record, *asked)

    monkeypatch.setattr(module, "reassess", reassess)
    done = bench("evaluate", "--metrics", metric_file(tmp_path), "--results", str(runs))
    assert done.returncode == 1
    assert f"failed: {type(error).__name__}: {error}" in done.stdout
    assert "1 run evaluated, 0 up to date, 1 failed." in done.stdout


def test_runs_on_other_data_are_not_evaluated(runs: Path, tmp_path: Path) -> None:
    store = RunStore(runs)
    spec = records(runs)["mean"].spec.model_copy(update={"dataset_checksum": "0" * 64})
    record = records(runs)["mean"].model_copy(update={"spec": spec, "run_id": spec.run_id})
    put(store, record)
    shutil.copy(next(runs.glob("mean*/weights.safetensors")), store.folder(spec.run_id).path)
    done = bench("evaluate", spec.run_id, "--metrics", metric_file(tmp_path), "--results", str(runs))
    assert done.returncode == 1
    assert "The data 'digits' are not those that" in done.stdout
