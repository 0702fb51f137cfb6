"""How a process begins, before it imports torch: threads that do not spin for long, output that may lose its reader."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

SPINS = "1000"
"""How often a thread of OpenMP looks for work before it sleeps. Its own default is 300,000, at which a busy machine
stands still; this is what it takes itself where it knows of more threads than cores (tests/performance/busy.py)."""
SPIN_SETTINGS = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}


def begin() -> None:
    """Settle what must be settled before torch is imported. What the user has set stands."""
    if not SPIN_SETTINGS & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell: else the next file that is opened would get what is printed
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for good
        elif stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _lasting(stream))


def end_in_order() -> None:
    """Take a terminal that goes away, or a request to end, for Ctrl-C: runs under way leave checkpoints.

    Where a signal is ignored, as under nohup, it stays so.
    """
    for number in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _lasting(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """A standard stream that outlives its reader; what its encoding has not, such as ±, is a question mark."""
    stream.flush()
    raw = _Lasting(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),  # as PYTHONUNBUFFERED says
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Lasting(io.FileIO):
    """A stream whose reader may go, as in `| head`, or whose disk may be full: that is no reason to stop working."""

    told = False

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EPIPE and not self.told:
                self.told = True
                with suppress(OSError):
                    os.write(2, f"Output cannot be written ({error.strerror}); the work goes on without.\n".encode())
            return len(data)
