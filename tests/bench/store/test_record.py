"""Records: what is written comes back, old ones are read, and odd ones are refused by the name of a field."""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from bench.store.parsing import UnreadableRecord
from bench.store.record import ClusterJob, Hardware, Provenance, Record, Software, timestamp
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from tests.bench.store.helpers import record_of, spec_of
from tests.results import put, unsealed

SCHEMA_1 = """
{
 "schema_version": 1,
 "run_id": "topk-digits-s0-ID",
 "spec": {
  "model": "topk",
  "model_reference": "models.topk:TopK",
  "code": null,
  "config": {"n_latents": 64, "epochs": 1, "batch_size": 32, "learning_rate": 0.001, "k": 10},
  "variant": {},
  "dataset": "digits",
  "dataset_reference": "bench.datasets.digits:Digits",
  "dataset_checksum": "6f9c",
  "settings": "native",
  "budget": "smoke",
  "max_steps": 20,
  "max_eval": 500,
  "seed": 0
 },
 "status": "done",
 "metrics": {"fvu": 0.5, "psnr": "Infinity", "roles.global@0.5": 2.0},
 "validation": {"fvu": 0.5, "mse": 0.1, "l0": 10.0},
 "metric_errors": {"gini": "ValueError: the metric is NaN"},
 "timings": {"load": 0.1, "train": 1.5, "evaluate": 0.4, "total": 2.0},
 "timings_shared": true,
 "provenance": {
  "resumed": 1,
  "undrawn": {"atoms": "IndexError: beyond the end"},
  "software": {
   "bench": "0.1.0",
   "code": "0123456789ab",
   "commit": "0123456789abcdef0123456789abcdef01234567",
   "dirty": false,
   "python": "3.11.7",
   "torch": "2.6.0+cpu",
   "torchvision": "0.21.0",
   "numpy": "2.1.0",
   "scipy": "1.15.0",
   "scikit-learn": "1.6.0",
   "pydantic": "2.10.0"
  },
  "hardware": {
   "host": "node3",
   "platform": "Linux-6.1",
   "cpu": "A processor",
   "cores": 8,
   "memory_gib": 31.3,
   "gpus": ["A GPU"]
  },
  "device": "cpu",
  "threads": 4,
  "command": "python -m bench run --models topk",
  "cluster": {
   "submission": "20260131-120000-77",
   "job": "12_3",
   "name": "bench-0",
   "index": 3,
   "node": "node3",
   "restarts": 0,
   "differs": ["torch 2.6.0, submitted with 2.7.0"]
  },
  "start": "2026-01-31T12:00:00+00:00",
  "end": "2026-01-31T12:00:02+00:00"
 },
 "error": null
}
"""


def old(**changes: Any) -> dict[str, Any]:
    """A record of schema 1."""
    content: dict[str, Any] = json.loads(SCHEMA_1)
    content["run_id"] = Record.model_validate(content).spec.run_id
    return content | changes


def read(root: Path, content: dict[str, Any]) -> Record:
    """What a results folder reads of a file."""
    path = root / content["run_id"] / "record.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    record = RunStore(root).load(content["run_id"])
    assert record is not None
    return record


def test_a_record_of_schema_1_is_read(tmp_path: Path) -> None:
    record = read(tmp_path, old())
    assert record.schema_version == 1
    assert record.metrics == {"fvu": 0.5, "psnr": math.inf, "roles.global@0.5": 2}
    made = record.provenance
    assert made.software is not None
    assert made.software.versions == {
        **{"bench": "0.1.0", "python": "3.11.7", "torch": "2.6.0+cpu", "torchvision": "0.21.0", "numpy": "2.1.0"},
        **{"scipy": "1.15.0", "scikit-learn": "1.6.0", "pydantic": "2.10.0"},
    }
    assert (made.version, made.software.checkout, made.software.dirty) == ("0.1.0", "0123456789", False)
    assert made.hardware == Hardware(
        host="node3", platform="Linux-6.1", cpu="A processor", cores=8, memory_gib=31.3, gpus=["A GPU"]
    )
    assert made.cluster is not None
    assert made.cluster.differs == ["torch 2.6.0, submitted with 2.7.0"]
    assert made.submission == "20260131-120000-77"
    assert (made.resumed, made.threads, made.device) == (1, 4, "cpu")
    assert Record.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    "provenance",
    [{}, {"software": {}}, {"end": "2026-01-31T12:00:02+00:00"}, {"cluster": {}}, {"software": {"commit": None}}],
)
def test_provenance_may_say_little(tmp_path: Path, provenance: dict[str, Any]) -> None:
    made = read(tmp_path, old(provenance=provenance)).provenance
    assert made.version is made.submission is None
    assert made.software is None or made.software.versions == {}


def test_a_record_without_provenance_is_read(tmp_path: Path) -> None:
    content = old()
    del content["provenance"]
    assert read(tmp_path, content).provenance == Provenance()


@pytest.mark.parametrize(
    ("provenance", "field"),
    [
        ({"start": 5}, "provenance.start"),
        ({"cluster": {"differs": 5}}, "provenance.cluster.differs"),
        ({"cluster": {"differs": [5]}}, "provenance.cluster.differs.0"),
        ({"software": 5}, "provenance.software"),
        ({"software": {"numpy": 5}}, "provenance.software.numpy"),
        ({"hardware": "node3"}, "provenance.hardware"),
        ({"hardware": {"gpus": None}}, "provenance.hardware.gpus"),
        ({"resumed": "often"}, "provenance.resumed"),
        (5, "provenance"),
        (None, "provenance"),
    ],
)
@pytest.mark.parametrize("schema", [1, 2])
def test_odd_provenance_is_refused_by_the_name_of_its_field(
    tmp_path: Path, provenance: Any, field: str, schema: int
) -> None:
    with pytest.raises(UnreadableRecord) as caught:
        read(tmp_path, old(provenance=provenance, schema_version=schema))
    assert re.match(rf"1 invalid field, first {re.escape(field)} = .*: Input should be ", str(caught.value))
    assert list(RunStore(tmp_path).scan().unreadable.values()) == [str(caught.value)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "finished"}, "status"),
        ({"metrics": {"fvu": "low"}}, "metrics.fvu"),
        ({"error": {"type": "ValueError"}}, "error.message"),
        ({"spec": {}}, "spec.model"),
    ],
)
def test_an_odd_field_is_named(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(UnreadableRecord, match=rf"first {re.escape(field)}( = .*)?: "):
        read(tmp_path, old(**changes))


def test_round_trip_of_a_record_with_infinities(tmp_path: Path) -> None:
    record = record_of(validation={"psnr": -math.inf})
    put(RunStore(tmp_path), record)
    loaded = RunStore(tmp_path).load(record.run_id)
    assert loaded
    assert unsealed(loaded) == record


def test_a_record_to_which_nothing_new_applies_has_the_digest_that_it_had_before() -> None:
    record = record_of()
    content = record.model_dump(mode="json", exclude={"digest", "notes", "not_applicable", "deterministic"})
    assert record.compute_digest() == hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    for update in ({"notes": ["n_latents is 64, not 100"]}, {"deterministic": True}):
        assert record.model_copy(update=update).compute_digest() != record.compute_digest()


def test_records_do_not_share_what_they_say_of_themselves() -> None:
    first, second = (Record(run_id="a", spec=spec_of(), status="done") for _ in range(2))
    first.provenance.resumed = 3
    first.metrics["fvu"] = 1
    assert second.provenance.resumed == 0
    assert second.metrics == {}
    assert Record(run_id="a", spec=spec_of(), status="done").provenance.resumed == 0


def test_versions_leave_out_what_is_not_known() -> None:
    assert Software(bench="1", torch="2").versions == {"bench": "1", "torch": "2"}
    assert Software.model_validate({"numpy": "3"}).versions == {"numpy": "3"}


def test_a_checkout_in_words() -> None:
    assert Software(commit="0123456789ab").checkout == "0123456789"
    assert Software(commit="0123456789ab", dirty=True).checkout == "0123456789 with local changes"
    assert Software(dirty=True).checkout == ""


def test_a_moment_is_written_in_utc_to_the_second() -> None:
    assert timestamp(datetime(2026, 1, 31, 12, 0, 0, 999, tzinfo=UTC)) == "2026-01-31T12:00:00+00:00"
    assert timestamp().endswith("+00:00")


TEXT = st.text(st.characters(codec=None))


@settings(max_examples=50, deadline=None)
@given(
    errors=st.dictionaries(TEXT, TEXT, max_size=3),
    config=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT, max_size=3),
    escaped=st.booleans(),
    indent=st.sampled_from([None, 1]),
)
def test_a_record_holds_what_json_reads(
    errors: dict[str, str],
    config: dict[str, Any],
    escaped: bool,
    indent: int | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Lone surrogates and huge integers included, which the fast reader refuses."""
    content = json.loads(record_of().model_dump_json())
    content |= {"metric_errors": errors, "spec": content["spec"] | {"config": config}}
    text = json.dumps(content, ensure_ascii=escaped, indent=indent).encode("utf-8", "replace").decode("utf-8")
    run_id = RunSpec.model_validate(json.loads(text)["spec"]).run_id
    store = RunStore(tmp_path_factory.mktemp("runs"))
    path = store.folder(run_id).record_path
    path.parent.mkdir()
    path.write_text(text.replace(content["run_id"], run_id), encoding="utf-8")
    expected = json.loads(path.read_text(encoding="utf-8"))
    loaded = store.load(run_id)
    assert loaded
    assert loaded.metric_errors == expected["metric_errors"]
    assert loaded.spec.config == expected["spec"]["config"]


def test_a_job_of_a_cluster_needs_no_field() -> None:
    assert ClusterJob().submission is None
    assert Provenance(cluster=ClusterJob(submission="a")).submission == "a"
