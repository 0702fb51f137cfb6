"""`bench list`: what there is, at once."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY, Registry
from tests.bench.cli.helpers import bench

CODE = "import sys; from bench.cli.app import main\ntry: main()\nfinally: print('torch' in sys.modules)"
REGISTRIES = {"models": MODEL_REGISTRY, "datasets": DATASET_REGISTRY, "metrics": METRIC_REGISTRY}


@pytest.mark.parametrize("arguments", [[], ["models"], ["datasets"], ["metrics"]])
def test_list_names_everything_in_under_a_second_and_without_importing_torch(arguments: list[str]) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", CODE, "list", *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *lines, imported = done.stdout.strip().splitlines()
    assert imported == "False"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
    chosen = arguments or list(REGISTRIES)
    names = [line.split()[0] for line in lines if line and line not in REGISTRIES]
    assert names == [name for kind in chosen for name in REGISTRIES[kind].plugins]
    assert not [line for line in lines if "(no docstring)" in line or "not found" in line]


def test_all_three_kinds_stand_under_their_names() -> None:
    said = bench("list")
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    places = [lines.index(kind) for kind in REGISTRIES]
    assert places == sorted(places)
    assert said.stdout.split() != []


@pytest.mark.parametrize(
    ("name", "words"), [("fvu", ["↓", "["]), ("probe_accuracy", ["↑", "["]), ("global_units", ["["])]
)
def test_a_metric_says_what_is_better_and_where_it_comes_from(name: str, words: list[str]) -> None:
    (line,) = [line for line in bench("list", "metrics").stdout.splitlines() if line.split()[0] == name]
    for word in words:
        assert word in line
    arrows = {arrow for arrow in "↓↑" if arrow in line}
    assert arrows == {arrow for arrow in words if arrow in "↓↑"}


def test_plugins_of_other_packages_are_listed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    more = Registry("model", {"mean": "models.mean:Mean", "mine": "models.pca:PCA"}, "nobody")
    monkeypatch.setattr("bench.plugins.registry.MODEL_REGISTRY", more)
    assert [line.split()[0] for line in bench("list", "models").stdout.splitlines()] == ["mean", "mine"]
