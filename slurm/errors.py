"""What may go wrong between us and SLURM; the message is all that a person needs to see."""

from __future__ import annotations

import re


class SlurmError(Exception):
    """A profile, a cluster or a command of SLURM is at fault. The message says what, and what to do next."""


class SlurmUnavailable(SlurmError):
    """SLURM does not answer. Nothing is known then: never read it as 'there are no jobs'."""


# A part of sbatch's words, and what to do about it; the first that fits.
HINTS = {
    "partition name": "Set partition in the profile; `sinfo --summarize` lists them.",
    "account": "Set account in the profile; `sacctmgr show associations user=$USER` lists yours.",
    "qos": "Set qos in the profile; `sacctmgr show qos` lists them.",
    "time limit": "Lower minutes in the profile, or choose another partition.",
    "feature": "Change constraint in the profile; `sinfo --format='%P %f'` lists features.",
    "node configuration": "Ask for less in the profile: cpus, memory_gb, gpus or constraint.",
    "unrecognized option": "Correct sbatch in the profile; `sbatch --help` lists its options.",
    "job array": "Submit fewer jobs at a time; `scontrol show config` says MaxArraySize.",
    "submit limit": "Submit fewer jobs, or pack more runs into each.",
    "contact": "The cluster's controller does not answer; try again later.",
    "configuration source": "No cluster is configured here; use a login node.",
}


def refusal(words: str) -> str:
    """Sbatch's own words as one sentence, and what to change."""
    said = re.sub(r"sbatch: (error: |fatal: )?", "", words)
    said = re.sub(r"(Batch job submission failed|allocation failure): ", "", said)
    said = "; ".join(line.strip().rstrip(".") for line in said.splitlines() if line.strip())
    hint = next((hint for part, hint in HINTS.items() if part in said.lower()), "Change the profile accordingly.")
    return f"{said or 'it did not say why'}. {hint}"
