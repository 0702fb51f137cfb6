"""Watcher: asks SLURM about jobs. If SLURM is silent or cannot be understood, it raises; it never returns a queue."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slurm.errors import SILENCE, SlurmError, SlurmUnavailable, advice, quoted

__all__ = ["JobState", "Limits", "SlurmUnavailable", "ask", "cancel", "end_of", "limits", "queue", "run", "withdraw"]

SEPARATOR, END = "\x1f", "\x1e\n"  # ASCII's unit and record separators: in no job's name, which may have lines
FORMAT = SEPARATOR.join(("%i", "%K", "%T", "%N", "%V", "%r", "%j")) + END.rstrip("\n")
ROW = re.compile(r"\d+(?:_(\d+)|\+\d+)?"), re.compile(r"(\d+)|N/A"), re.compile(r"[A-Z_]+")  # job id, index, state
TERMINAL = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}
TERMINAL |= {"REVOKED", "TIMEOUT"}
# Reasons for waiting that end only if the job or the cluster is changed.
NEVER = re.compile(r"held|JobHeld|NeverSatisfied|BadConstraints|PartitionTimeLimit|PerJob")
PER_CALL = 300  # job ids on one command line


@dataclass(frozen=True)
class JobState:
    """The state of one job in the queue."""

    name: str
    """Name of its array."""
    index: int
    """Index in the array; 0 for a job without an array."""
    job_id: str
    """The id as SLURM writes it, e.g. "12_3"; for scancel and sacct."""
    state: str
    """SLURM's state, e.g. "PENDING"."""
    node: str
    """Name of its node, e.g. "n1"; empty while the job waits."""
    reason: str
    """Why the job waits, e.g. "Resources"."""

    @property
    def active(self) -> bool:
        """Whether the job runs, or will run without being submitted again."""
        return self.state not in TERMINAL

    @property
    def held(self) -> bool:
        """Whether the job waits until a person does something."""
        if self.state == "PENDING":
            return NEVER.search(self.reason) is not None
        return self.state in ("SPECIAL_EXIT", "REQUEUE_HOLD", "RESV_DEL_HOLD")


@dataclass(frozen=True)
class Limits:
    """The limits of one submission; indices in an array are below `max_array_size`."""

    cluster: str
    """SLURM's name of the cluster."""
    max_array_size: int
    """One more than the largest index of an array."""


def queue(prefix: str) -> dict[tuple[str, int], JobState]:
    """My jobs whose name starts with `prefix`, by array name and index; also jobs that ended recently (MinJobAge)."""
    command = ["squeue", f"--user={os.getuid()}", "--noheader", "--array", "--states=all", f"--format={FORMAT}"]
    return parse_queue(ask(command, 20), prefix)


def parse_queue(output: str, prefix: str) -> dict[tuple[str, int], JobState]:
    """One state per job: if there are several rows, the active one, else the one submitted last.

    SlurmUnavailable if a part of the output is no row: a notice, or half an answer, tells nothing of the jobs.
    """
    best: dict[tuple[str, int], tuple[tuple[bool, str], JobState]] = {}
    *rows, rest = output.split(END)
    if rest:
        raise SlurmUnavailable(f"squeue answers with a line that is no row: {quoted(rest)}.")
    for row in rows:
        job, submitted = _job(row)
        rank = (job.active, submitted)
        key = (job.name, job.index)
        if job.name.startswith(prefix) and (key not in best or best[key][0] <= rank):
            best[key] = rank, job
    return {key: job for key, (_, job) in best.items()}


def _job(row: str) -> tuple[JobState, str]:
    """A job, and when it was submitted. SlurmUnavailable if the row is none."""
    cells = row.split(SEPARATOR)
    matches = [form.fullmatch(cell) for form, cell in zip(ROW, cells, strict=False)]
    if len(cells) != 7 or not all(matches) or len({match and match[1] for match in matches[:2]}) != 1:
        raise SlurmUnavailable(f"squeue answers with a line that is no row: {quoted(row)}.")
    job_id, index, state, node, submitted, reason, name = cells
    number = int(index) if index.isdecimal() else 0
    return JobState(name, number, job_id, state, node, reason.replace("_", " ")), submitted


def end_of(job_ids: Sequence[str]) -> dict[str, str]:
    """How jobs ended according to accounting, e.g. "FAILED, exit code 9"; {} if there is no accounting."""
    ends: dict[str, str] = {}
    for chunk in _chunks(job_ids):
        command = ["sacct", "--noheader", "--parsable2", "--format=JobID,State,ExitCode", f"--jobs={','.join(chunk)}"]
        try:
            ends |= parse_ends(ask(command, 5))
        except SlurmError:
            return ends
    return ends


def parse_ends(output: str) -> dict[str, str]:
    """Job id -> how it ended. A job is out of memory if one of its steps is, whatever the state of the job itself."""
    ends: dict[str, str] = {}
    for line in output.splitlines():
        if not re.fullmatch(r"\d[\w.+\[\]%:,-]*\|[A-Z_]+( [^|]*)?\|\d+:\d+", line):
            raise SlurmUnavailable(f"sacct answers with a line that is no row: {quoted(line)}.")
        full_id, state, code = line.split("|")
        job_id = full_id.partition(".")[0]
        if full_id != job_id:
            if state == "OUT_OF_MEMORY" and job_id in ends:
                ends[job_id] = state
            continue
        if state.partition(" ")[0] in TERMINAL:
            ends[job_id] = state + _exit(code)
        else:
            ends.pop(job_id, None)
    return ends


def _exit(code: str) -> str:
    status, _, number = code.partition(":")
    if number not in ("", "0"):
        return f", signal {number}"
    return f", exit code {status}" if status not in ("", "0") else ""


def cancel(job_ids: Sequence[str]) -> None:
    """Cancel running or waiting jobs. A job that has already ended is not an error."""
    for chunk in _chunks(job_ids):
        ask(["scancel", "--quiet", *chunk], 60)


def withdraw(name: str) -> None:
    """Cancel my jobs of this name, whatever their ids."""
    ask(["scancel", "--quiet", f"--user={os.getuid()}", f"--name={name}"], 10)


def limits() -> Limits:
    """The limits in the cluster's configuration."""
    return parse_limits(ask(["scontrol", "show", "config"], 20))


def parse_limits(output: str) -> Limits:
    """The limits in lines such as 'MaxArraySize            = 1001'."""
    values: dict[str, str] = {}
    for name, form in (("ClusterName", r"[\w.-]+"), ("MaxArraySize", r"\d{1,9}")):
        said = re.findall(rf"^{name}\s*= (.*?)\s*$", output, re.MULTILINE)
        if len(said) != 1 or not re.fullmatch(form, said[0]):
            words = quoted(said[0] if said else output.partition("\n")[0])
            raise SlurmUnavailable(f"`scontrol show config` does not say '{name}', but {words}.")
        values[name] = said[0]
    return Limits(values["ClusterName"], int(values["MaxArraySize"]))


def ask(command: list[str], timeout: float) -> str:
    """The output of a SLURM command; raises SlurmUnavailable with the command's message if it fails."""
    done = run(command, timeout)
    if done.returncode:
        words = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        hint = advice(words, SILENCE)
        words = f"{words.rstrip('.')}. {hint}" if hint else words or f"exit status {done.returncode}"
        raise SlurmUnavailable(f"{command[0]} failed: {words}")
    return done.stdout


def run(command: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a SLURM command, whatever its exit status; raises SlurmUnavailable if it is absent or does not answer."""
    # Variables like SQUEUE_STATES or SLURM_TIME_FORMAT would filter or change the output that is parsed here.
    hidden = ("SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SBATCH_", "SLURM_TIME_FORMAT", "SLURM_CLUSTERS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    env["SLURM_BITSTR_LEN"] = "0"  # otherwise scontrol cuts long lists of indices short
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, env=env)
    except FileNotFoundError as error:
        raise SlurmUnavailable(f"{command[0]} is not found on {os.uname().nodename}; use a login node.") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmUnavailable(f"{command[0]} did not answer within {timeout:g} s.") from error
    except OSError as error:
        raise SlurmUnavailable(f"{command[0]} cannot be run: {error.strerror}.") from error


def _chunks(job_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (job_ids[start : start + PER_CALL] for start in range(0, len(job_ids), PER_CALL))
