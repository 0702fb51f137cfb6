"""`bench list`: what there is, at once."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from bench.plugins.loading import load_metric, load_model_class
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY, Registry
from tests.bench.cli.helpers import bench

CODE = "import sys; from bench.cli.app import main\ntry: main()\nfinally: print('torch' in sys.modules)"
REGISTRIES = {"models": MODEL_REGISTRY, "datasets": DATASET_REGISTRY, "metrics": METRIC_REGISTRY}


@pytest.mark.parametrize("arguments", [[], ["models"], ["datasets"], ["metrics"]])
def test_list_names_everything_in_under_a_second_and_without_importing_torch(arguments: list[str]) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command, wide = [sys.executable, "-c", CODE, "list", *arguments], os.environ | {"COLUMNS": "999"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=wide)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *lines, imported = done.stdout.splitlines()
    assert imported == "False"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
    chosen = arguments or list(REGISTRIES)
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    assert names == [name for kind in chosen for name in REGISTRIES[kind].plugins]
    assert not [line for line in lines if "(no docstring)" in line or "not found" in line]


def test_all_three_kinds_stand_under_their_names() -> None:
    said = bench("list")
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    places = [lines.index(kind.upper()) for kind in REGISTRIES]
    assert places == sorted(places)
    assert said.stdout.split() != []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fvu", ["↓", "Gao et al. 2024"]),
        ("neg_elbo", ["↓ nats", "Kingma & Welling 2014"]),
        ("probe_accuracy", ["↑", "Alain & Bengio 2016"]),
        ("global_units", ["  units ", "Sangari Abiz et al."]),
    ],
)
def test_a_metric_says_what_is_better_and_where_it_comes_from(name: str, words: list[str]) -> None:
    (line,) = [line for line in bench("list", "metrics").stdout.splitlines() if line.split()[:1] == [name]]
    for word in words:
        assert word in line
    arrows = {arrow for arrow in "↓↑" if arrow in line}
    assert arrows == {word[0] for word in words if word[0] in "↓↑"}


@pytest.mark.parametrize("kind", ["models", "metrics"])
def test_what_there_is_stands_under_its_family(kind: str) -> None:
    """As the loaded objects say it, which the list does not load."""
    blocks = [block.splitlines() for block in bench("list", kind).stdout.split("\n\n")]
    families = {line.split()[0]: family for family, *lines in blocks for line in lines}
    if kind == "models":
        expected = {name: load_model_class(plugin).family for name, plugin in MODEL_REGISTRY.plugins.items()}
    else:
        expected = {name: load_metric(plugin).info.family for name, plugin in METRIC_REGISTRY.plugins.items()}
    assert families == expected


def test_plugins_of_other_packages_are_listed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    more = Registry("model", {"mean": "models.mean:Mean", "mine": "models.pca:PCA"}, "nobody")
    monkeypatch.setattr("bench.plugins.registry.MODEL_REGISTRY", more)
    lines = bench("list", "models").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["floors", "mean", "mine"]
