"""Errors of the exchange with SLURM; the message is all that a person needs to see."""

from __future__ import annotations

import re
from collections.abc import Mapping


class SlurmError(Exception):
    """A profile, a cluster or a command of SLURM is at fault. The message says what, and what to do next."""


class SlurmUnavailable(SlurmError):
    """SLURM does not answer. The state of the jobs is then unknown: never read it as 'there are no jobs'."""


# A part of the message of a command that reaches no cluster -> what to do about it.
SILENCE = {
    "contact": "The cluster's controller does not answer; try again later.",
    "configuration source": "No cluster is configured here; use a login node.",
}

# A part of sbatch's message -> what to do about it. The first part that occurs counts.
HINTS = {
    "submitjob": "Submit fewer jobs, or pack more runs into each with --runs-per-job: those that wait count as well.",
    "accounting/qos policy": "`sacctmgr show qos` and `sacctmgr show associations user=$USER` list the limits.",
    "partition name": "Set partition in the profile; `sinfo --summarize` lists them.",
    "account": "Set account in the profile; `sacctmgr show associations user=$USER` lists yours.",
    "qos": "Set qos in the profile; `sacctmgr show qos` lists them.",
    "time limit": "Lower minutes in the profile, or choose another partition.",
    "feature": "Change constraint in the profile; `sinfo --format='%P %f'` lists features.",
    "temporarily unable": (
        "The cluster takes no more jobs for now, mostly by its MaxJobCount: issue the same command again when jobs "
        "have ended, or pack more runs into each with --runs-per-job."
    ),
    "gres specification": "Say how many GPUs with gpus, and of which type with sbatch, {gpus-per-node: a100:1}.",
    "node configuration": (
        "Ask for less in the profile: cpus, memory_gb, gpus or constraint. "
        "Where `sinfo` shows nodes that do not answer, as after a restart of the controller, try again later."
    ),
    "unrecognized option": "Correct sbatch in the profile; `sbatch --help` lists its options.",
    "job array": "Submit fewer jobs at a time; `scontrol show config` says MaxArraySize.",
    "submit limit": "Submit fewer jobs, or pack more runs into each.",
    **SILENCE,
}


def quoted(line: str) -> str:
    """A line that a command printed, in quotation marks: the start of it, with escapes for what cannot be printed."""
    return f"{line[:80]!r}{' ...' * (len(line) > 80)}"


def refusal(words: str) -> str:
    """The message of sbatch as one sentence, and what to change."""
    message = re.sub(r"sbatch: (error: |fatal: )?", "", words)
    message = re.sub(r"(Batch job submission failed|allocation failure): ", "", message)
    message = "; ".join(line.strip().rstrip(".") for line in message.splitlines() if line.strip())
    return f"{message or 'it did not say why'}. {advice(message, HINTS) or 'Change the profile accordingly.'}"


def advice(words: str, hints: Mapping[str, str]) -> str:
    """What to do about a message of SLURM; "" for one that is not known."""
    return next((hint for part, hint in hints.items() if part in words.lower()), "")
