from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from slurm.profile import SHIPPED, Profile


def test_the_default_asks_for_nothing_that_a_site_must_name() -> None:
    assert Profile().model_dump(exclude_none=True) == {
        "gpus": 0,
        "cpus": 2,
        "memory_gb": 8,
        "minutes": 60,
        "signal_delay": 120,
        "runs_per_gpu": 1,
        "setup": (),
        "sbatch": {},
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"minutes": 2, "signal_delay": 90}, r"minutes = 2 \(120 s\) must be more than signal_delay \+ 30 = 120 s"),
        ({"runs_per_gpu": 2}, "runs_per_gpu = 2 needs gpus >= 1"),
        ({"cpus": 0}, "cpus"),
        ({"gpus": -1}, "gpus"),
        ({"memory_gb": 0}, "memory_gb"),
        ({"memory_gb": float("inf")}, "memory_gb"),
        ({"minuts": 5}, "minuts"),
        ({"sbatch": {"time": 5}}, "'time' cannot be given here; use the field minutes"),
        ({"sbatch": {"--cpus_per_task": 5}}, "'cpus-per-task' cannot be given here; use the field cpus"),
        ({"sbatch": {"array": "0-3"}}, "'array' cannot be given here"),
        ({"sbatch": {"ntasks": 2}}, "a job is one task on one node"),
        ({"sbatch": {"gres": "gpu:a100:1"}}, "gres = gpu:a100:1, but gpus = 0, so that runs would be on the CPU"),
        ({"sbatch": {"gpus_per_node": "a100:1"}}, "gpus-per-node = a100:1, but gpus = 0"),
        ({"sbatch": "exclude=node7"}, r"write it as {exclude: node7}"),
        ({"setup": "module load cuda"}, r"write it as a list of shell lines, \[module load cuda\]"),
    ],
)
def test_refuses(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Profile(**fields)


def test_what_asks_for_no_gpu_or_has_a_number_is_taken() -> None:
    assert Profile(sbatch={"gres": "tmpdisk:100", "gpus": 0}).gpus == 0
    assert Profile(gpus=1, sbatch={"gres": "gpu:a100:1"}).gpus == 1
    assert Profile.model_validate({"account": 1234}).account == "1234"


def test_the_shortest_job_that_can_be_told_in_time() -> None:
    assert Profile(minutes=2, signal_delay=89).minutes == 2


def test_options_of_sbatch_keep_their_type_and_have_one_spelling() -> None:
    options = Profile(gpus=2, sbatch={"gpus_per_node": "a100:2", "exclusive": True, "nice": 5, "requeue": False}).sbatch
    assert options == {"gpus-per-node": "a100:2", "exclusive": True, "nice": 5, "requeue": False}
    assert options["exclusive"] is True


@pytest.mark.parametrize(("gpus", "runs_per_gpu", "workers"), [(0, 1, 1), (1, 1, 1), (2, 1, 2), (2, 3, 6)])
def test_workers(gpus: int, runs_per_gpu: int, workers: int) -> None:
    assert Profile(gpus=gpus, runs_per_gpu=runs_per_gpu).n_workers == workers


@pytest.mark.parametrize("name", ["cpu", "gpu", "preemptible"])
def test_shipped_profiles_work_where_there_is_a_default_partition(name: str) -> None:
    text = SHIPPED[name].read_text(encoding="utf-8")
    profile = Profile.model_validate(yaml.safe_load(text))
    assert profile.partition is profile.account is profile.qos is profile.constraint is None
    assert all("#" in line for line in text.splitlines())


def test_shipped_are_all_that_there_are() -> None:
    assert set(SHIPPED) == {"cpu", "gpu", "preemptible"}


def test_imports_are_light_and_nothing_of_the_benchmark() -> None:
    code = (
        "import sys, slurm.profile, slurm.launcher, slurm.worker, slurm.watcher, slurm.offers;"
        "print({'bench', 'models', 'metrics', 'torch', 'numpy', 'submitit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
