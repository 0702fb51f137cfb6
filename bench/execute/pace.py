"""How long the runs of a command will still take, from what they have taken so far: from the first of them on."""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST_SECONDS = 10.0
"""Below which nobody needs to know."""


class Pace:
    """Runs under way and those that ended, in shares of a run.

    Parameters
    ----------
    n_runs : int
        Runs that will be carried out.
    clock : callable
        Seconds from some moment on.
    """

    def __init__(self, n_runs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._n_left, self._clock, self._start = float(n_runs), clock, clock()
        self._worked = 0.0
        self._running: dict[str, float] = {}

    def move(self, run_id: str, progress: float) -> None:
        """Note how far a run is; what it had before, from a checkpoint, took no time here."""
        before = self._running.get(run_id)
        if before is not None:
            self._worked += progress - before
        self._n_left -= progress - (before or 0.0)
        self._running[run_id] = progress

    def end(self, run_id: str) -> None:
        """Note that a run has ended; one that never began took no time."""
        if run_id in self._running:
            self.move(run_id, 1.0)
            del self._running[run_id]
        else:
            self._n_left -= 1

    def left(self) -> str:
        """'about 3 min left'; "" where nothing is known yet, or it is not worth a word."""
        if self._worked <= 0:
            return ""
        seconds = (self._clock() - self._start) * self._n_left / self._worked
        return f"about {_roughly(seconds)} left" if seconds >= LEAST_SECONDS else ""


def _roughly(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
