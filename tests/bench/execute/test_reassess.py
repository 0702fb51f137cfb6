"""Evaluation without training: new and changed metrics and views; all else stays as it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.execute import run as running
from bench.execute.reassess import lacks_views, outdated, reassess
from bench.store.lock import LockLostError
from bench.store.record import Record
from bench.store.runs import RunStore
from bench.store.views import Views
from bench.store.weights import write_weights
from models.topk import TopK
from tests.bench.execute.helpers import job, load, metric_plugin, only_record, plugin, run_one_of
from tests.results import unsealed

METRICS = ("fvu", "train_seconds", "class_rates", "selection_agreement", "noise_fvu")


def bring_up_to_date(root: Path, *metrics: str) -> list[str]:
    """What `bench evaluate` does for the one run of a folder; the metrics that it computes."""
    store, record = RunStore(root), only_record(root)
    names = outdated(store.folder(record.run_id), metrics)
    with store.claim(record.run_id) as run:
        assert run
        reassess(run, record, record.spec, job(root, threads=1), names)
    return names


def content(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.glob("*/*")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is done. Read only."""
    root = tmp_path_factory.mktemp("finished")
    run_one_of(root, *METRICS)
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may change."""
    return shutil.copytree(finished, tmp_path / "runs")


@pytest.fixture(autouse=True)
def _training_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the run is done, nothing is trained."""

    def fail(*arguments: object) -> None:
        raise AssertionError("training")

    monkeypatch.setattr(running, "train", fail)


def test_a_new_metric_is_computed_and_all_else_stays_bit_for_bit(root: Path, tmp_path: Path) -> None:
    before, files = only_record(root), content(root)
    folder = RunStore(root).folder(before.run_id)
    rates = folder.arrays()["class_rates"]
    mine = metric_plugin(tmp_path)
    assert bring_up_to_date(root, *METRICS, mine, "density") == [mine, "density"]
    after = only_record(root)
    dataset_sum = after.metrics["mine"]
    assert dataset_sum > 0
    assert unsealed(after) == unsealed(before.model_copy(update={"metrics": before.metrics | {"mine": dataset_sum}}))
    arrays = folder.arrays()
    assert arrays.keys() == {"class_rates", "density"}
    np.testing.assert_array_equal(arrays["class_rates"], rates)
    now = content(root)
    assert now.keys() == files.keys()
    same = {name for name in files if files[name] == now[name]}
    assert {"weights.safetensors", "history.csv"} <= same
    assert list(folder.legend().metrics) == [*METRICS, "mine", "density"]
    assert bring_up_to_date(root, *METRICS, mine, "density") == []


def test_views_are_made_again_as_they_were(root: Path) -> None:
    folder = RunStore(root).folder(only_record(root).run_id)
    before = folder.views()
    assert not lacks_views(folder)
    (folder.path / "views.npz").write_bytes(b"damaged")
    assert lacks_views(folder)
    (folder.path / "views.npz").unlink()
    assert lacks_views(folder)
    earlier = {name: array for name, array in before.items() if not name.startswith("varied")}
    np.savez(folder.path / "views.npz", allow_pickle=False, traversal_names=np.array(["unit 3"]), **earlier)
    assert lacks_views(folder)
    bring_up_to_date(root)
    assert not lacks_views(folder)
    after = folder.views()
    assert after.keys() == before.keys()
    for name, array in before.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(after[name], array, rtol=1e-2, atol=1e-3)
        else:
            np.testing.assert_array_equal(after[name], array)
    Views.from_arrays(after)


def test_what_is_computed_again_has_the_numbers_of_the_run(root: Path) -> None:
    """Noise included: a metric draws from the stream that it drew from then."""
    before = only_record(root)
    path = RunStore(root).folder(before.run_id).path / "legend.json"
    path.unlink()
    assert bring_up_to_date(root, *METRICS) == [name for name in METRICS if name != "train_seconds"]
    assert unsealed(only_record(root)) == unsealed(before)
    assert path.exists()


def test_a_changed_metric_is_computed_again_and_one_that_did_not_change_is_not(root: Path, tmp_path: Path) -> None:
    mine = metric_plugin(tmp_path, "1.0")
    assert bring_up_to_date(root, mine) == [mine]
    assert bring_up_to_date(root, mine) == []
    assert metric_plugin(tmp_path, "2.0") == mine
    assert bring_up_to_date(root, "fvu", mine) == [mine]
    assert only_record(root).metrics["mine"] == 2


def test_a_metric_that_changes_what_it_returns_leaves_nothing_behind(root: Path, tmp_path: Path) -> None:
    mine = metric_plugin(tmp_path, "{'a': 1.0, 'b': 2.0}")
    bring_up_to_date(root, mine)
    assert {"mine.a", "mine.b"} <= only_record(root).metrics.keys()
    metric_plugin(tmp_path, "1 / 0")
    bring_up_to_date(root, mine)
    record = only_record(root)
    assert not [name for name in record.metrics if name.startswith("mine")]
    assert record.metric_errors == {"mine": "ZeroDivisionError: division by zero"}
    metric_plugin(tmp_path, "3.0")
    bring_up_to_date(root, mine)
    record = only_record(root)
    assert (record.metrics["mine"], record.metric_errors) == (3, {})


def test_what_training_cost_stays(root: Path) -> None:
    before = only_record(root)
    (root / before.run_id / "legend.json").unlink()
    bring_up_to_date(root, *METRICS)
    assert outdated(RunStore(root).folder(before.run_id), ["train_seconds", "step_ms"]) == []
    assert only_record(root).metrics["train_seconds"] == before.metrics["train_seconds"]


def test_an_array_that_is_lost_is_computed_again(root: Path) -> None:
    folder = RunStore(root).folder(only_record(root).run_id)
    before = folder.arrays()
    (folder.path / "arrays.npz").unlink()
    assert bring_up_to_date(root, *METRICS) == ["class_rates"]
    (folder.path / "arrays.npz").write_bytes(b"damaged")
    assert bring_up_to_date(root, *METRICS) == [name for name in METRICS if name != "train_seconds"]
    np.testing.assert_array_equal(folder.arrays()["class_rates"], before["class_rates"])
    assert bring_up_to_date(root, *METRICS) == []


def test_an_evaluation_that_is_cut_short_is_made_up_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.store.folder import ClaimedRun

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    for name in ("write_arrays", "write_record", "write_legend"):
        with monkeypatch.context() as patch:
            patch.setattr(ClaimedRun, name, killed)
            with pytest.raises(KeyboardInterrupt):
                bring_up_to_date(root, *METRICS, "psnr")
        again = outdated(RunStore(root).folder(only_record(root).run_id), [*METRICS, "psnr"])
        assert "psnr" in again
        assert again == ["psnr"] or name != "write_arrays", "a legend that the record does not know is not believed"
    assert "psnr" in bring_up_to_date(root, *METRICS, "psnr")
    assert "psnr" in only_record(root).metrics


def test_a_record_of_schema_1_gets_views_and_a_legend(root: Path) -> None:
    record = only_record(root)
    folder = RunStore(root).folder(record.run_id)
    old = json.loads(folder.record_path.read_text(encoding="utf-8")) | {"schema_version": 1, "digest": ""}
    folder.record_path.write_text(json.dumps(old), encoding="utf-8")
    for name in ("views.npz", "legend.json"):
        (folder.path / name).unlink()
    assert lacks_views(folder)
    bring_up_to_date(root, *METRICS)
    assert unsealed(only_record(root)) == unsealed(record)
    assert folder.views()


def test_weights_that_are_missing_are_one_clear_error(root: Path) -> None:
    before = content(root)
    next(root.glob("*/weights.safetensors")).unlink()
    with pytest.raises(BenchError, match=r"weights\.safetensors' cannot be read .* with --force, or restore the file"):
        bring_up_to_date(root, "psnr")
    del before["weights.safetensors"]
    assert content(root) == before


def test_data_that_are_not_those_of_the_run_are_one_clear_error(root: Path) -> None:
    record = only_record(root)
    spec = record.spec.model_copy(update={"dataset_checksum": "another"})
    with RunStore(root).claim(record.run_id) as run:
        assert run
        with pytest.raises(BenchError, match=r"The data 'digits' are not those that .* with --data-dir"):
            reassess(run, record.model_copy(update={"spec": spec}), spec, job(root), ["psnr"])


def test_a_model_that_changed_is_one_clear_error(tmp_path: Path) -> None:
    reference = plugin(tmp_path)
    root = tmp_path / "mine"
    run_one_of(root, "fvu", models=reference)
    before = content(root)
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text(encoding="utf-8") + "# new\n", encoding="utf-8")
    with pytest.raises(BenchError, match="has changed since this run was planned"):
        bring_up_to_date(root, "psnr")
    assert content(root) == before


def test_nothing_is_written_into_a_run_that_is_anothers_by_now(root: Path) -> None:
    store, record, before = RunStore(root), only_record(root), content(root)
    with store.claim(record.run_id) as run:
        assert run
        run.lock_path.unlink()
        with pytest.raises(LockLostError):
            reassess(run, record, record.spec, job(root), ["psnr"])
    assert content(root) == before


def test_weights_are_what_is_evaluated(root: Path) -> None:
    """With other weights the numbers are others; they are refused unless the record is of them."""
    record = only_record(root)
    store, other = RunStore(root), TopK(TopK.Config(**record.spec.config), 64)
    folder = store.folder(record.run_id)
    write_weights(folder.path / "weights.safetensors", other.state_dict(), record.run_id)
    assert outdated(folder, ["fvu"]) == ["fvu"]
    before = content(root)
    with pytest.raises(BenchError, match="not those of its record"):
        bring_up_to_date(root, "fvu")
    assert content(root) == before
    with store.claim(record.run_id) as run:
        assert run
        run.write_record(record)
    (folder.path / "legend.json").unlink()
    bring_up_to_date(root, "fvu")
    assert load(store, record.run_id).metrics["fvu"] != record.metrics["fvu"]
    assert torch.isfinite(torch.tensor(only_record(root).metrics["fvu"]))


@pytest.mark.parametrize("name", ["arrays.npz", "views.npz"])
def test_files_of_another_attempt_are_made_again(name: str, root: Path) -> None:
    """As a --force that was killed before its record leaves them."""
    record = only_record(root)
    folder = RunStore(root).folder(record.run_id)
    np.savez(folder.path / name, **dict(np.load(folder.path / name)))  # not compressed
    assert folder.problems(record) == [f"{name} was changed"]
    assert (outdated(folder, METRICS), lacks_views(folder)) != ([], False)
    bring_up_to_date(root, *METRICS)
    assert folder.problems(only_record(root)) == []
    assert (outdated(folder, METRICS), lacks_views(folder)) == ([], False)


def test_the_record_says_still_how_it_was_made(root: Path) -> None:
    before: Record = only_record(root)
    bring_up_to_date(root, "psnr")
    after = only_record(root)
    assert (after.provenance, after.timings, after.spec) == (before.provenance, before.timings, before.spec)
