"""What a board's columns are: what the runs say of their metrics, else what this package knows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.compare.columns import columns, left_out
from bench.plugins.registry import METRIC_REGISTRY
from bench.store.legend import Legend, MetricEntry
from bench.store.record import Provenance, Record
from bench.store.runs import RunStore
from metrics import METRICS
from metrics.base import MetricInfo
from tests.bench.compare.test_boards import record
from tests.results import put


def info(label: str, direction: str = "min") -> MetricInfo:
    return MetricInfo(label, direction, "", "[0, 1]", "a test")  # type: ignore[arg-type]


def run(store: RunStore, seed: int, metrics: dict[str, float], labels: dict[str, str], end: str = "1") -> Record:
    """A run in the store that has some numbers, and a legend that labels some metrics."""
    made = record("m", seed, 1.0, end=end)
    made.metrics = metrics
    put(store, made)
    legend = Legend(metrics={name: MetricEntry(info=info(label)) for name, label in labels.items()})
    text = legend.model_dump_json()
    (store.folder(made.run_id).path / "legend.json").write_text(text, encoding="utf-8")
    return made


def labels(records: list[Record], store: RunStore) -> dict[str, str]:
    return {column.name: column.info.label for column in columns(records, store)}


def test_a_run_says_what_its_metrics_mean(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    only = run(store, 0, {"mine": 1.0, "fvu": 0.5}, {"mine": "my own", "fvu": "turned round"})
    assert labels([only], store) == {"fvu": "FVU", "mine": "my own"}, "a built-in metric means what it is declared to"


def test_a_run_does_not_keep_back_what_a_metric_cautions_of(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    only = run(store, 0, {"dead_fraction": 0.9}, {"dead_fraction": "dead"})
    (column,) = columns([only], store)
    assert (column.info.caution, column.info.caution_above) == ("of its units are dead", 0.5)


def test_the_newest_run_that_has_a_metric_decides(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    new = run(store, 0, {"mine": 1.0}, {"mine": "new"}, end="2")
    old = run(store, 1, {"mine": 1.0, "gone": 1.0}, {"mine": "old", "gone": "of old runs only"}, end="1")
    assert labels([new, old], store) == {"gone": "of old runs only", "mine": "new"}
    assert labels([old, new], store) == labels([new, old], store), "whatever the order"


def test_built_in_columns_stand_first_in_their_order_and_others_follow_by_name(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    names = [*list(METRICS)[5:1:-1], "zebra", "ant"]
    only = run(store, 0, dict.fromkeys(names, 1.0), dict(zip(names, names, strict=True)))
    assert list(labels([only], store)) == [*list(METRICS)[2:6], "ant", "zebra"]


def test_a_metric_that_only_failed_is_a_column_too(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    only = run(store, 0, {}, {"mine": "my own"})
    only.metric_errors = {"mine": "ValueError: no"}
    assert labels([only], store) == {"mine": "my own"}


def test_a_metric_of_several_scalars_is_one_column(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    only = run(store, 0, {"curve.a": 1.0, "curve.b": 2.0}, {"curve": "curve"})
    assert labels([only], store) == {"curve": "curve"}


def test_a_legend_that_a_run_shares_with_no_number_is_no_column(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    only = run(store, 0, {"fvu": 1.0}, {"fvu": "FVU", "gamma_variance": "does not apply"})
    assert labels([only], store) == {"fvu": "FVU"}


def test_runs_without_a_legend_have_the_built_in_columns_and_no_plugin_is_imported(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    old = record("m", 0, 1.0)
    old.schema_version, old.metrics = 1, {"fvu": 0.5, "l0": 3.0, "somebodys": 1.0}
    put(store, old)
    assert list(labels([old], store)) == ["fvu", "l0"]
    assert not [name for name in sys.modules if "somebodys" in name]


def test_what_nobody_can_read_is_left_out_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("import numpyy\n", encoding="utf-8")
    monkeypatch.setitem(METRIC_REGISTRY.builtins, "fvu", f"{tmp_path / 'broken.py'}:fvu")
    store = RunStore(tmp_path / "runs")
    only = run(store, 0, {"fvu": 0.5, "l0": 3.0, "somebodys.mean": 1.0}, {})
    assert list(labels([only], store)) == ["l0"]
    reasons = left_out([only], store)
    assert reasons["fvu"] == "ModuleNotFoundError: No module named 'numpyy'"
    assert reasons["somebodys"].startswith("no run says how to read it; `python -m bench evaluate`")
    assert list(reasons) == ["fvu", "somebodys"]


@pytest.mark.parametrize("text", ["{", "[]", '{"metrics": {"fvu": 3}}'])
def test_a_legend_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    store = RunStore(tmp_path)
    only = run(store, 0, {"fvu": 0.5}, {"fvu": "lost"})
    (store.folder(only.run_id).path / "legend.json").write_text(text, encoding="utf-8")
    assert labels([only], store) == {"fvu": "FVU"}


def test_one_look_at_a_legend_serves_all_runs_of_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path)
    records = [run(store, seed, {"mine": 1.0, "fvu": 0.5}, {"mine": "m", "fvu": "f"}) for seed in range(20)]
    looked: list[str] = []
    folder = store.folder
    monkeypatch.setattr(store, "folder", lambda run_id: looked.append(run_id) or folder(run_id))
    assert len(columns(records, store)) == 2
    assert len(looked) == 1


def test_without_records_there_are_no_columns(tmp_path: Path) -> None:
    assert columns([], RunStore(tmp_path)) == []


def test_a_killed_run_that_could_not_say_when_it_ended_is_the_oldest(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    silent = run(store, 0, {"mine": 1.0}, {"mine": "silent"}, end="9")
    silent.provenance = Provenance()
    dated = run(store, 1, {"mine": 1.0, "fvu": 1.0}, {"mine": "dated", "fvu": "f"})
    assert labels([silent, dated], store)["mine"] == "dated"
