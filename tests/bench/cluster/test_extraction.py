"""An extraction as a job: refused before it is submitted, carried out as here, and where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.activations.backbones import Wanted
from bench.activations.extract import Request
from bench.cluster import extraction as extractions, status
from bench.cluster.extraction import Extraction, carry_out
from bench.cluster.states import Queue
from bench.cluster.submission import read_all
from bench.datasets.extracted import read_manifest
from bench.show.status import status_text
from bench.store.lock import acquire
from bench.store.runs import RunStore
from slurm.worker import Stop
from tests.bench.activations.nets import image_net, photos
from tests.bench.activations.test_extract import content, extract
from tests.bench.cli.helpers import bench
from tests.bench.cluster.helpers import NAME, job, queue_of, submitted

SLURM = ("--executor", "slurm")


class Warned(Stop):
    """The warning of SLURM, from the start."""

    def __init__(self) -> None:
        super().__init__(minutes=60, signal_delay=120)

    def requested(self) -> bool:
        return True


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    """An extraction of 20 images in batches of three, as a command."""
    return ("--backbone", image_net(tmp_path), "--inputs", str(photos(tmp_path)), "--batch-size", "3", "--out", "acts")


def sent(folder: Path) -> Extraction:
    """The same, as a job finds it."""
    wanted = Wanted(image_net(folder))
    request = Request(wanted, str(photos(folder)), folder, layers=("act",), batch_size=3)
    extraction = Extraction(request=request, out=folder / "acts", folder=folder)
    submitted(folder / "runs", [[]], extraction=extraction.model_dump(mode="json"))
    return extraction


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--layer", "cnov"), "Unknown layer 'cnov'. Did you mean 'conv'?"),
        (("--layer", "act", "--profile", "cup"), "Unknown profile 'cup'. Did you mean 'cpu'?"),
        (("--layer", "act", "--slurm", "hours=2"), "Unknown key of a profile 'hours'"),
        (("--layer", "act", "--device", "cuda"), "--device cuda: the profile asks for no GPU"),
        (("--layer", "act", "--executor", "slrum"), "Unknown --executor 'slrum'. Did you mean 'slurm'?"),
    ],
)
def test_what_can_be_known_is_refused_before_anything_is_submitted(
    tmp_path: Path, words: tuple[str, ...], more: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractions, "require_accepted", lambda profile: None)
    refused = bench("extract", *words, *SLURM, *more, cwd=tmp_path)
    assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
    assert not (tmp_path / "acts").exists()
    assert not list(tmp_path.rglob("submission.json"))


def test_a_folder_in_use_and_a_machine_without_slurm_are_refused(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, no_slurm: None
) -> None:
    alone = extract(tmp_path, *words, *SLURM, "--layer", "act")
    assert (alone.returncode, "is not found" in alone.stderr) == (2, True), alone.stderr
    monkeypatch.setattr(extractions, "require_accepted", lambda profile: None)
    (tmp_path / "acts").mkdir()
    lock = acquire(tmp_path / "acts" / ".lock")
    assert lock is not None
    busy = extract(tmp_path, *words, *SLURM, "--layer", "act")
    lock.release()
    assert (busy.returncode, "is being written by process" in busy.stderr) == (2, True), busy.stderr
    assert not list(tmp_path.rglob("submission.json"))
    assert extract(tmp_path, *words, "--layer", "act").returncode == 0
    again = extract(tmp_path, *words, *SLURM, "--layer", "act")
    assert "acts: act, 20 rows" in again.stdout, "it is complete: nothing is left to submit"


def test_a_job_that_is_warned_goes_on_to_what_is_extracted_here(tmp_path: Path, words: tuple[str, ...]) -> None:
    """It writes a shard each time, though none is full: else a short time limit would be reached for ever."""
    extraction, folder = sent(tmp_path), tmp_path / "runs" / ".slurm" / NAME
    for kept in (3, 6):
        assert not carry_out(str(folder), (), Warned())
        manifest = read_manifest(tmp_path / "acts")
        assert manifest is not None
        assert sum(shard.samples for shard in manifest.shards) == kept
        assert not extraction.complete
    assert carry_out(str(folder), (), Stop(60, 120))
    assert extraction.complete
    whole = (*words[:-1], "whole")
    assert extract(tmp_path, *whole, "--layer", "act").returncode == 0
    ours, theirs = content(tmp_path / "acts"), content(tmp_path / "whole")
    for column in ("labels.npy", "sample.npy", "position.npy"):
        assert ours[column] == theirs[column]
    assert b"".join(ours[f"shard-{i:05}.npy"][128:] for i in range(3)) == theirs["shard-00000.npy"][128:]


def test_a_job_says_in_a_line_why_it_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extraction = sent(tmp_path)
    request = replace(extraction.request, layers=("cnov",))
    changed = extraction.model_copy(update={"request": request}).model_dump(mode="json")
    submission = submitted(tmp_path / "runs", [[]], extraction=changed)
    with pytest.raises(SystemExit, match="1"):
        carry_out(str(submission.folder), (), Stop(60, 120))
    assert "error: Unknown layer 'cnov'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (queue_of(job(0, "PENDING", "Resources")), ("queued", "job 7_0 waits: Resources")),
        (queue_of(job(0, "RUNNING")), ("queued", "job 7_0 is running on n1")),
        (queue_of(), ("lost", "has left the queue and left no log")),
        (Queue(None, silence="squeue is away"), ("unknown", "squeue is away")),
    ],
)
def test_status_says_where_it_is(
    tmp_path: Path, queue: Queue, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    extraction = sent(tmp_path)
    monkeypatch.setattr(status, "ask_queue", lambda: queue)
    found = status.collect(RunStore(tmp_path / "runs"))
    state = found.extractions[extraction.out]
    assert (state.state, expected[1] in state.note) == (expected[0], True), state.note
    assert found.well == (state.state != "lost")
    assert NAME in status_text(found)
    assert ("goes on" in status_text(found)) == (state.state == "lost")


def test_status_and_logs_of_one_that_runs_and_of_one_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extraction, store = sent(tmp_path), RunStore(tmp_path / "runs")
    monkeypatch.setattr(status, "ask_queue", lambda: queue_of(job(0, "RUNNING")))
    extraction.out.mkdir()
    lock = acquire(extraction.out / ".lock", "7")
    assert lock is not None
    state = status.collect(store).extractions[extraction.out]
    lock.release()
    assert (state.state, state.note.startswith("job 7 on")) == ("running", True)
    (submission,) = read_all(tmp_path / "runs")
    log = submission.folder / submission.arrays[0].name / "7_0_log.out"
    log.write_text("extracting: 50%\n", encoding="utf-8")
    assert "extracting: 50%" in status.logs(NAME, store)
    assert carry_out(str(submission.folder), (), Stop(60, 120))
    assert status.collect(store).extractions[extraction.out].state == "done"


def test_an_extraction_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submission = submitted(tmp_path, [[]], extraction={"out": 3})
    monkeypatch.setattr(status, "ask_queue", lambda: queue_of())
    found = status.collect(RunStore(tmp_path)).extractions
    assert found[submission.folder].note == "no extraction that this version can read"
