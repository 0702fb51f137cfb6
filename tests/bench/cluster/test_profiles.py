"""Profiles: those that are shipped, files, single values, and what the cluster says to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cluster.profiles import check, load_profile, require_accepted
from bench.errors import BenchError
from slurm import offers
from slurm.profile import SHIPPED, Profile


def test_profiles_that_are_shipped_are_valid() -> None:
    assert set(SHIPPED) == {"cpu", "gpu", "preemptible"}
    for name in SHIPPED:
        load_profile(name)
    assert load_profile("gpu").gpus == 1
    assert load_profile("cpu", ["cpus=7", "sbatch={exclude: n1}"]).sbatch == {"exclude": "n1"}


def test_a_profile_and_paths_in_it_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("cpus: 3\nsbatch: {chdir: ~/work, nice: 7}\n", encoding="utf-8")
    profile = load_profile("~/mine.yaml")
    assert (profile.cpus, profile.sbatch) == (3, {"chdir": f"{tmp_path}/work", "nice": 7})


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("gpuu", [], ["gpuu", "Did you mean 'gpu'", "preemptible", "my-cluster.yaml"]),
        ("absent.yaml", [], ["absent.yaml", "No such file"]),
        ("cpu", ["partion=x"], ["partion", "Did you mean 'partition'"]),
        ("cpu", ["cpus"], ["cpus", "KEY=VALUE"]),
        ("cpu", ["cpus=many"], ["cpus", "many", "integer"]),
        ("cpu", ["cpus=0"], ["cpus", "0", "greater than or equal to 1"]),
        ("cpu", ["minutes=1", "signal_delay=60"], ["minutes = 1", "signal_delay + 30"]),
        ("cpu", ["runs_per_gpu=2"], ["runs_per_gpu = 2", "gpus"]),
        ("cpu", ["cpus=["], ["cpus=[", "YAML"]),
    ],
)
def test_a_profile_that_is_none_says_what_is_valid(name: str, changes: list[str], words: list[str]) -> None:
    with pytest.raises(BenchError) as caught:
        load_profile(name, changes)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("content", ["- a list", "{", "just words", "partion: x"])
def test_a_profile_file_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BenchError, match=r"mine\.yaml|partion"):
        load_profile(str(path))


def test_an_empty_file_is_a_profile_of_defaults(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("", encoding="utf-8")
    assert load_profile(str(tmp_path / "mine.yaml"), ["cpus=3"]) == Profile(cpus=3)


def test_what_the_cluster_refuses_is_said_before_anything_is_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "partitions", list)
    monkeypatch.setattr(offers, "refusals", lambda profile: ["no node has 99 cores"] if profile.cpus > 8 else [])
    text, refused = check(Profile(cpus=99))
    assert refused
    assert "refused: no node has 99 cores" in text
    assert "profile: cpus 99" in text
    with pytest.raises(BenchError, match=r"no node has 99 cores\n.*--slurm KEY=VALUE"):
        require_accepted(Profile(cpus=99))
    text, refused = check(Profile())
    assert not refused
    assert "The cluster takes this profile." in text
    require_accepted(Profile())
