"""What the jobs of a cluster have written: where it is, and the end of it. The files may come from anybody."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from bench.cluster.submission import Place

MEMORY = re.compile(r"exceeded (job |step )?memory limit|oom.kill|out of memory", re.IGNORECASE)
"""What SLURM's daemon writes into the log of a job that took more memory than it asked for."""
LAST_WORDS = 2**13
"""Bytes of a log in which that is looked for."""


class Logs:
    """The logs of jobs; each array's folder is listed once."""

    def __init__(self) -> None:
        self._found: dict[Path, dict[int, Path]] = {}

    def find(self, place: Place) -> Path | None:
        """The log of one job, to which it appends each time it is started; None before it has started."""
        submission, name, number = place
        folder = submission.folder / name
        if folder not in self._found:
            is_array = next(len(array.jobs) for array in submission.arrays if array.name == name) > 1
            # '12_3_0_log.out', job 3 of array 12; or, since one job makes no array, '12_0_log.out'
            form = re.compile(r"\d+_(\d{1,9})_0_log\.out" if is_array else r"\d+_(0)_log\.out")
            named = ((form.fullmatch(path.name), path) for path in folder.glob("*_0_log.out"))
            self._found[folder] = {int(match[1]): path for match, path in named if match}
        return self._found[folder].get(number)

    def out_of_memory(self, place: Place) -> bool:
        """Whether the log of a job ends with word of too little memory, which accounting does not always have."""
        path = self.find(place)
        try:
            return path is not None and MEMORY.search(read_tail(path, LAST_WORDS)[0]) is not None
        except OSError:
            return False


def read_tail(path: Path, most: int) -> tuple[str, int]:
    """The last bytes of a regular file as text, and how many come before them. OSError for all else; never waits."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"'{path}' is not a regular file")
        left_out = max(0, status.st_size - most)
        file.seek(left_out)
        return file.read(most).decode("utf-8", errors="replace"), left_out
