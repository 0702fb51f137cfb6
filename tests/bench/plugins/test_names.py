"""From a name or a reference to a plug-in: what is misspelt, missing, or there twice."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from bench.datasets import DATASETS
from bench.errors import BenchError
from bench.plugins import registry
from bench.plugins.plugin import Plugin
from bench.plugins.registry import DATASET_REGISTRY, FORMS, METRIC_REGISTRY, MODEL_REGISTRY, Registry, load_object

KINDS = {
    "model": (MODEL_REGISTRY, "mean"),
    "dataset": (DATASET_REGISTRY, "digits"),
    "metric": (METRIC_REGISTRY, "fvu"),
}


def message(action: Callable[[], Any]) -> str:
    with pytest.raises(BenchError) as caught:
        action()
    return str(caught.value)


def test_a_name_with_a_typo_is_guessed() -> None:
    assert message(lambda: DATASET_REGISTRY.find("digit")) == (
        f"Unknown dataset 'digit'. Did you mean 'digits'? Valid: {', '.join(sorted(DATASETS))}. {FORMS}"
    )


def test_a_folder_is_told_from_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    assert message(lambda: DATASET_REGISTRY.find("photos")).endswith("The folder of this name is ./photos")
    said = message(lambda: DATASET_REGISTRY.find("photo:patches=16"))
    assert "'patches' is for files and folders, and 'photo' is none here." in said


def test_a_missing_object_is_guessed_among_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from pathlib import Path\nclass MySAE: pass\ndef helper(): pass\n", encoding="utf-8")
    assert message(lambda: MODEL_REGISTRY.load(MODEL_REGISTRY.find(f"{file}:MySEA"))) == (
        f"Unknown object 'MySEA'. Did you mean 'MySAE'? Valid: MySAE, helper. (Looked in {file}.)"
    )


def test_a_file_that_is_not_there_is_named() -> None:
    assert message(lambda: MODEL_REGISTRY.find("absent.py:Mine")) == (
        "No file 'absent.py' for the model 'absent.py:Mine'; give its path from here."
    )


@pytest.mark.parametrize("reference", ["mine.py", "mine.py:"])
def test_a_file_without_an_object_is_told_what_to_add(reference: str) -> None:
    assert message(lambda: METRIC_REGISTRY.find(reference)) == (
        f"The metric '{reference}' names no object: give mine.py:Object."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_may_not_take_the_name_of_a_built_in(kind: str, tmp_path: Path) -> None:
    found, name = KINDS[kind]
    file = tmp_path / "mine.py"
    file.write_text(f"{name} = 3\n", encoding="utf-8")
    assert message(lambda: found.find(f"{file}:{name}")) == (
        f"The {kind} '{file}:{name}' has the name of one that is there already, {found.builtins[name]}; rename yours."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_of_a_built_in_is_the_built_in(kind: str) -> None:
    found, name = KINDS[kind]
    reference = found.builtins[name]
    if reference.endswith(f":{name}"):
        assert found.find(reference) == Plugin(name, reference, True)


@pytest.mark.parametrize("kind", KINDS)
def test_two_files_may_not_have_objects_of_one_name(kind: str, tmp_path: Path) -> None:
    files = [tmp_path / "a.py", tmp_path / "b.py"]
    for file in files:
        file.write_text("Mine = 3\n", encoding="utf-8")
    references = [f"{file}:Mine" for file in files]
    assert message(lambda: KINDS[kind][0].choose(references)) == (
        f"Two {kind}s are called 'Mine': {references[0]} and {references[1]}; rename one."
    )


def with_entries(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str]) -> Registry:
    """A registry of one built-in, 'known', beside entry points."""
    points = [EntryPoint(name, value, "bench.things") for name, value in entries]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    return Registry("thing", {"known": "own.module:Known"}, "bench.things")


def test_entry_points_are_plugins_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    found = with_entries(monkeypatch, ("new", "other.module:New"), ("new", "other.module:New"))
    assert found.plugins == {
        "known": Plugin("known", "own.module:Known", True),
        "new": Plugin("new", "other.module:New", False),
    }


@pytest.mark.parametrize(
    ("entries", "first"),
    [
        ([("known", "other.module:Known")], "own.module:Known"),
        ([("new", "a.module:New"), ("new", "other.module:Known")], "a.module:New"),
    ],
)
def test_a_name_that_stands_twice_is_refused(
    entries: list[tuple[str, str]], first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = with_entries(monkeypatch, *entries)
    assert message(lambda: found.plugins) == (
        f"The thing name '{entries[-1][0]}' is taken twice: by {first} and by other.module:Known "
        "(entry point of an installed package). Rename or uninstall one."
    )


def test_a_file_may_not_take_the_name_of_an_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = with_entries(monkeypatch, ("new", "other.module:New"))
    (tmp_path / "mine.py").write_text("new = 3\n", encoding="utf-8")
    assert message(lambda: found.find(f"{tmp_path / 'mine.py'}:new")) == (
        f"The thing '{tmp_path / 'mine.py'}:new' has the name of one that is there already, other.module:New; "
        "rename yours."
    )


def test_an_object_is_found_in_a_module_too() -> None:
    assert load_object(Plugin("mean", "models.mean:Mean", True), "model").__name__ == "Mean"


def test_a_file_that_was_edited_or_that_imports_one_has_another_checksum(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    plugin = Plugin("Mine", f"{file}:Mine", False)
    contents = [plugin.content()]
    for path, text in ((file, "import helper\n"), (tmp_path / "helper.py", ""), (tmp_path / "helper.py", "N = 3\n")):
        path.write_text(text, encoding="utf-8")
        contents.append(plugin.content())
    assert len(set(contents)) == 4
    file.unlink()
    assert plugin.content() == ""


def test_all_leaves_out_what_is_computed_on_request() -> None:
    slow = METRIC_REGISTRY.on_request
    assert slow
    assert {plugin.name for plugin in METRIC_REGISTRY.choose(["all"])} == METRIC_REGISTRY.plugins.keys() - slow
    assert {plugin.name for plugin in METRIC_REGISTRY.choose(["all", *slow])} == METRIC_REGISTRY.plugins.keys()
