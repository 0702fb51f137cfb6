"""How a run is to be carried out: what leaves nothing to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.store.record import ClusterJob, Provenance, Record
from tests.bench.execute.helpers import job, spec_of


def test_a_submission_settles_its_own_failures_only(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    ours = replace(job(tmp_path), cluster=ClusterJob(submission="a", job="1_0"))
    made_by_a = Provenance(cluster=ClusterJob(submission="a"))
    failed = Record(run_id=spec.run_id, spec=spec, status="failed", provenance=made_by_a)
    assert ours.settles(failed), "a job that was queued again does not repeat what failed in it"
    assert not replace(ours, cluster=ClusterJob(submission="b")).settles(failed)
    assert not job(tmp_path).settles(failed)
    assert not ours.settles(None)


def test_what_is_done_is_settled_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    done = Record(run_id=spec.run_id, spec=spec, status="done")
    assert job(tmp_path).settles(done)
    assert not job(tmp_path, force=True).settles(done)
    assert not job(tmp_path).settles(done.model_copy(update={"status": "timeout"}))


def test_only_a_job_of_a_cluster_has_a_submission(tmp_path: Path) -> None:
    assert job(tmp_path).submission is None
    assert job(tmp_path, cluster=ClusterJob(submission="a")).submission == "a"
