"""Follow submitted runs to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from bench.cluster.states import RunState, ask_queue, states_of
from bench.cluster.submission import read_all
from bench.execute.job import Event
from bench.store.parsing import UnreadableRecord
from bench.store.runs import RunStore

QUEUE_SECONDS = 15.0
"""Between calls of squeue."""
LOOKS_PER_SECOND = 100
"""At the records, at most; and a look every two seconds at all that are left."""
SILENCE_SECONDS = 900.0
"""Of SLURM, after which following ends."""


def follow(run_ids: Iterable[str], store: RunStore, on_event: Callable[[Event], None]) -> str:
    """Report what happens to submitted runs, until none is on its way; why it ended sooner, if it did."""
    submissions = read_all(store.root)
    left = set(run_ids)
    started: set[str] = set()
    last_word, last_asked = time.monotonic(), -QUEUE_SECONDS
    while left:
        if time.monotonic() - last_asked > QUEUE_SECONDS:
            queue = ask_queue()
            last_asked = time.monotonic()
            last_word = last_word if queue.jobs is None else last_asked
        if time.monotonic() - last_word > SILENCE_SECONDS:
            return f"SLURM has not answered for {SILENCE_SECONDS / 60:.0f} minutes ({queue.silence})."
        for run_id, state in states_of(sorted(left), store, submissions, queue).items():
            if event := _event(state, store, started):
                on_event(event)
                if event.kind in ("finished", "lost"):
                    left.discard(run_id)
        if left:
            time.sleep(max(2.0, len(left) / LOOKS_PER_SECOND))
    return ""


def _event(state: RunState, store: RunStore, started: set[str]) -> Event | None:
    if state.state == "lost":
        return Event("lost", state.run_id, note=state.note)
    if state.state == "running":
        if state.run_id not in started:
            started.add(state.run_id)
            return Event("started", state.run_id)
        return Event("progress", state.run_id, state.progress)
    if state.active:
        return None
    try:
        return Event("finished", state.run_id, 1.0, store.load(state.run_id))
    except UnreadableRecord as error:
        return Event("lost", state.run_id, note=f"its record cannot be read ({error})")
