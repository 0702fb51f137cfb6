"""An extraction of activations as a job of a cluster.

Of a run's job it has the submission on disk, the script, the log, the queue and the warning before the time limit; in
place of a record it has the manifests of its folders, and its lock is theirs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import BaseModel
from rich.console import Console

from bench.activations.extract import Request, extract, folders_of, load, lock_of, place_of
from bench.activations.shards import Folder
from bench.cluster.node import differences
from bench.cluster.profiles import require_accepted
from bench.cluster.states import Look, Queue, RunState, ask_queue, explain_lost
from bench.cluster.submission import (
    MOST_BYTES,
    PREFIX,
    Place,
    Sent,
    Submission,
    new_id,
    read_sent,
    root,
    scan,
    user,
    write,
)
from bench.cluster.submit import one_at_a_time
from bench.datasets.extracted import MANIFEST, read_manifest
from bench.errors import BenchError, Interrupted
from bench.execute.console import following_data
from bench.execute.environment import command, software
from bench.store.files import require_regular
from bench.store.lock import living_owner
from bench.store.record import timestamp
from bench.store.runs import RunStore
from slurm import launcher, watcher
from slurm.errors import SlurmError
from slurm.launcher import Array
from slurm.profile import Profile
from slurm.worker import Stop

PAYLOAD = "bench.cluster.extraction:carry_out"
"""What its job calls. It lies in jobs that are queued: to rename it is to lose them."""


class Extraction(BaseModel):
    """What a job extracts."""

    request: Request
    """From what."""
    out: Path
    """Where to; absolute."""
    folder: Path
    """Where the command was issued: relative paths of the request begin there."""

    @property
    def complete(self) -> bool:
        """Whether everything is there."""
        layers = self.request.layers
        return all(_is_complete(place_of(self.out, layer, layers)) for layer in layers)


def hand_over(request: Request, out: Path, results: Path, profile: Profile) -> tuple[list[Folder], str]:
    """Submit an extraction as one job, unless it is on its way, or its folders are complete.

    Parameters
    ----------
    request : Request
        Its device is that of the node.
    out : Path
        The folder, on a file system that the nodes share.
    results : Path
        The results folder that keeps the submission.
    profile : Profile
        What the job asks for.

    Returns
    -------
    tuple
        The folders, as far as they are, and what became of the job; "" where there is nothing to do.

    Raises
    ------
    BenchError, SlurmError
        For all that `extract` refuses before it extracts, and what the cluster refuses.
    """
    launcher.require_path(results)
    require_accepted(profile)
    here = replace(request, device="cpu")  # a login node may have no GPU
    source = load(here)
    out = out.absolute()
    with one_at_a_time(results) as lock:
        if state := _earlier(results, out):
            return [], f"{state.run_id} is {state.state} ({state.note}): nothing was submitted."
        folders = folders_of(here, source, out)
        if all(folder.manifest.complete for folder in folders):
            return folders, ""
        submission = _submission(Extraction(request=request, out=out, folder=Path.cwd()), results, profile)
        write(submission)
        lock.require()
        try:
            job_id = launcher.submit(submission.arrays[0], profile, submission.folder, PAYLOAD, None)
        except SlurmError:
            write(replace(submission, arrays=()))
            raise
    return folders, f"Submitted {submission.id}: SLURM job {job_id}. `bench cancel {submission.id}` ends it."


def _earlier(results: Path, out: Path) -> RunState | None:
    """The extraction into a folder that is on its way. BenchError where SLURM does not say."""
    submissions = scan(results).all
    if not any(submission.sent.extraction for submission in submissions):
        return None
    state = extractions(RunStore(results), ask_queue(), submissions).get(out)
    if state and state.state == "unknown":
        raise BenchError(f"{state.run_id} extracts into '{out}', and may be queued: {state.note}")
    return state if state and state.active else None


def _submission(extraction: Extraction, results: Path, profile: Profile) -> Submission:
    submission_id = new_id(results)
    sent = Sent(
        command=command(),
        created=timestamp(),
        results=results.absolute(),
        data_dir=extraction.request.data_dir.absolute(),
        user=user(),
        cluster=watcher.limits().cluster,
        device=extraction.request.device,
        threads=profile.cpus,
        n_workers=1,
        force=False,
        software=software(),
        extraction=extraction.model_dump(mode="json"),
    )
    one_job_of_no_runs = Array(f"{PREFIX}{submission_id}-0", ((),))
    return Submission(root(results.absolute()) / submission_id, sent, (one_job_of_no_runs,))


def extractions(store: RunStore, queue: Queue, submissions: Sequence[Submission]) -> dict[Path, RunState]:
    """Folder -> where the newest extraction into it is."""
    newest, states = {}, {}
    for submission in submissions:
        if submission.sent.extraction and submission.arrays:
            try:
                extraction = Extraction.model_validate(submission.sent.extraction)
            except (ValueError, BenchError):
                note = "no extraction that this version can read"
                states[submission.folder] = RunState(submission.id, "unknown", submission, note=note)
                continue
            newest[extraction.out] = submission, extraction
    look = Look(store, queue)
    states |= {out: _state(look, *each) for out, each in newest.items()}
    explained = explain_lost({state.run_id: state for state in states.values()})
    return {out: explained[state.run_id] for out, state in states.items()}


def _is_complete(folder: Path) -> bool:
    """Whether a folder of activations is; nothing is waited for, wherever a submission says that it is."""
    try:
        require_regular(folder / MANIFEST, MOST_BYTES)
        manifest = read_manifest(folder)
    except (OSError, BenchError):
        return False
    return manifest is not None and manifest.complete


def _state(look: Look, submission: Submission, extraction: Extraction) -> RunState:
    place = Place(submission, submission.arrays[0].name, 0)
    job = look.queue.listed(place)
    jobs = (job,) if job and job.active else ()
    state = RunState(submission.id, "queued", submission, job, jobs)
    owner = None
    if submission.sent.user == user():  # a stranger's submission does not say where to look
        if extraction.complete:
            return replace(state, state="done")
        owner = living_owner(lock_of(extraction.out))
    return look.on_its_way(state, owner, [(place, each) for each in jobs]) or look.absent(state, place)


def carry_out(folder: str, run_ids: Sequence[str], stop: Stop) -> bool:
    """Carry out the extraction of the submission in `folder`; whether it has ended. It goes on from its last shard."""
    sent = read_sent(Path(folder))
    extraction = Extraction.model_validate(sent.extraction)
    for line in differences(sent.software, software()):
        print(f"This node has {line}.")
    try:
        os.chdir(extraction.folder)
        torch.set_num_threads(sent.threads)
        request = replace(extraction.request, versions=software().versions)
        with following_data(Console(highlight=False, soft_wrap=True)):
            extract(request, load(request), extraction.out, stop.requested)
    except Interrupted as interruption:
        print(f"Stopped. {interruption}", flush=True)
        return False
    except (BenchError, OSError) as error:
        print(f"error: {error}", flush=True)
        sys.exit(1)
    return True
