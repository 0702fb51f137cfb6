"""Witness: what else SLURM says of jobs that squeue does not list.

A squeue that answers may still leave jobs out, behind a site's wrapper for example. So no job is called lost before the
controller (scontrol), or accounting (sacct) if the controller has forgotten the job, has been asked as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from slurm.errors import SlurmError, SlurmUnavailable, quoted
from slurm.watcher import JobState, ask

FORGOTTEN = re.compile(r"Invalid job id", re.IGNORECASE)
FIELD = re.compile(r"(?:^| )(JobId|ArrayJobId|ArrayTaskId|JobName|JobState|NodeList|Reason)=(\S*)")
MOST_INDICES = 1_000_000
NO_INDEX = "4294967294"  # of an array whose waiting jobs were all cancelled


def jobs_of(job_id: str, name: str) -> dict[int, JobState]:
    """The jobs of one array by index, however they are; {} if SLURM does not know them.

    Parameters
    ----------
    job_id : str
        The id that sbatch gave to the array.
    name : str
        The array's name. Jobs of another name are left out: a new cluster counts ids from the start again.
    """
    try:
        output = ask(["scontrol", "show", "job", "--oneliner", job_id], 20)
    except SlurmUnavailable as error:
        if FORGOTTEN.search(str(error)):
            return _accounted(job_id, name)
        raise
    return parse_jobs(output, name)


def parse_jobs(output: str, name: str) -> dict[int, JobState]:
    """From one entry for each job, or for all jobs of an array that wait. SlurmUnavailable for anything else."""
    found: dict[int, JobState] = {}
    for entry in re.split(r"(?m)^(?=JobId=\d)", output):
        if not entry.strip():
            continue
        fields = dict(reversed(FIELD.findall(entry)))  # of several the first: a comment may look like a field
        whole = {"JobId", "JobName", "JobState"} <= fields.keys() and re.fullmatch("[A-Z_]+", fields["JobState"])
        listed = fields.get("ArrayTaskId", "0")
        indices = list(_indices(listed)) if whole else []
        if not indices and not (whole and listed == NO_INDEX):
            raise SlurmUnavailable(f"`scontrol show job` answers with what is no job: {quoted(entry)}.")
        if fields["JobName"] != name:
            continue
        for index in indices:
            job_id = f"{fields['ArrayJobId']}_{index}" if "ArrayJobId" in fields else fields["JobId"]
            reason = fields.get("Reason", "").replace("_", " ")
            node = fields.get("NodeList", "").replace("(null)", "")
            found[index] = JobState(name, index, job_id, fields["JobState"], node, reason)
    return found


def _indices(text: str) -> Iterator[int]:
    """Of '7', or of '0,2-5,8-20:4%3'. Nothing if it is cut short ('0,2,...') or no such list."""
    listed = text.partition("%")[0]
    if not re.fullmatch(r"\d{1,9}(-\d{1,9}(:\d{1,9})?)?(,\d{1,9}(-\d{1,9}(:\d{1,9})?)?)*", listed):
        return
    for part in listed.split(","):
        first, _, rest = part.partition("-")
        last, _, step = rest.partition(":")
        yield from range(int(first), min(int(last or first), MOST_INDICES) + 1, max(1, int(step or 1)))


def _accounted(job_id: str, name: str) -> dict[int, JobState]:
    """Accounting's word. {} where there is no accounting: the controller has said that there is no such job."""
    columns = "--format=JobID,JobName,State"
    command = ["sacct", "--noheader", "--parsable2", "--allocations", columns, f"--jobs={job_id}"]
    try:
        return parse_accounted(ask(command, 5), name)
    except SlurmError:
        return {}


def parse_accounted(output: str, name: str) -> dict[int, JobState]:
    """From rows '12_3|name|COMPLETED'. SlurmUnavailable for any other line."""
    found: dict[int, JobState] = {}
    for line in output.splitlines():
        row = re.fullmatch(r"(\d+(?:_(\d+|\[.*\]))?(?:\+\d+)?)\|(.*)\|([A-Z_]+)( .*)?", line)
        if not row:
            raise SlurmUnavailable(f"sacct answers with a line that is no row: {quoted(line)}.")
        full_id, index, its_name, state, _ = row.groups()
        if its_name != name:
            continue
        for each in _indices((index or "0").strip("[]")):
            found[each] = JobState(
                name, each, f"{full_id.partition('_')[0]}_{each}" if index else full_id, state, "", ""
            )
    return found
