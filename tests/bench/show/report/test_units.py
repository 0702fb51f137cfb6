"""The browser of units: in the page as numbers, and in a real browser."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.compare.boards import Board
from bench.show.report.artefacts import Left, gather
from bench.show.report.shown import first_runs
from bench.show.report.units import FEWEST, browser, units
from bench.show.tokens import readable
from bench.store.runs import RunStore
from bench.store.views import Views
from tests.bench.show.report import factory
from tests.bench.show.report.conftest import Opened
from tests.bench.show.report.driving import Open
from tests.results import put

RECORDS = factory.study(models=("topk", "vae"), datasets=("mnist",), n_seeds=2)


def left_of(folder: Path) -> tuple[list[Board], dict[str, Left]]:
    boards = factory.boards_of(RECORDS)
    return boards, gather(factory.store_of(boards, folder), first_runs(boards))


def unpacked(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(text)))
    return found


def words(contexts: bool) -> Views:
    """Three samples in words: tokens, or rows of numbers."""
    common = {
        "n_units_on": np.array([2, 4]), "shown_units": np.array([1, 3]), "unit_tops": np.array([[0, 2], [1, -1]]),
        "unit_values": np.array([[2.0, 1], [4, 0]]), "unit_counts": np.ones((2, 3), int),
        "unit_ranges": np.array([[1.0, 2], [4, 5]]), "shown_classes": np.full(3, -1),
        "shown_names": np.array(["a", "<i>b</i>", "c"]),
    }  # fmt: skip
    rows = {
        "shown_inputs": np.arange(6.0).reshape(3, 2), "shown_shape": np.array([2]),
        "feature_names": np.array(["height", "<u>w"]),
    }  # fmt: skip
    tokens = {
        "tokens": np.array(["<b>once", "▁upon"]), "contexts": np.array([[-1, 0, 1], [0, 1, 1], [1, 0, 1]]),
        "context_values": np.array([[[0, 2.0, 1], [0, 1, 0]], [[0, 4, -1], [0, 0, 0]]]),
    }  # fmt: skip
    return Views(**common, **(tokens if contexts else rows))


def test_scores_are_of_the_metrics_that_are_declared_to_have_one_of_each_unit(tmp_path: Path) -> None:
    boards, left = left_of(tmp_path)
    run = left[boards[0].representatives["topk"].run_id]
    found = units(run, np.array([0, 3, 5]))
    assert found["scores"].keys() == {"density"}
    assert found["scores"]["density"] == pytest.approx(run.arrays["density"][[0, 6, 10]], rel=1e-3)
    assert [unit["unit"] for unit in found["units"]] == [0, 6, 10]
    names = [found["names"][sample] for sample in found["units"][1]["tops"]]
    assert names == [f"<b>photo {i}</b>" for i in (3, 4, 5)]
    assert found["pictures"]["shape"] == [1, 8, 28, 28], "no sample that none of them shows"
    assert found["counts"] == [250, 256, 20]


def test_where_room_is_short_every_second_unit_is_there_or_none(tmp_path: Path) -> None:
    boards, left = left_of(tmp_path)
    first, second = (run.run_id for run in boards[0].representatives.values())
    everything = browser([[first, second]], left, 10**9)
    assert len(unpacked(everything[first])["units"]) == 20
    found = browser([[first, second]], left, 2 * len(everything[first]) - 2)
    assert [len(unpacked(found[run])["units"]) for run in (first, second)] == [FEWEST, 20], "the next one has the rest"
    both = len(everything[first]) + len(everything[second])
    assert browser([[first], [second]], left, both) == everything, "a later round has what is left"
    assert browser([[first], [second]], left, both - 1)[first] == everything[first]
    assert browser([[first, second]], left, 100) == {first: "", second: ""}
    without = {run: replace(each, views=Views()) for run, each in left.items()}
    assert browser([[first, second]], without, 10**9) == {}


def test_shades_are_of_a_hundred_where_a_unit_is_on_most() -> None:
    found = units(Left(views=words(contexts=True)), np.arange(2))
    shades = np.frombuffer(base64.b64decode(found["shades"]["levels"]), np.uint8).reshape(found["shades"]["shape"])
    assert shades.tolist() == [[[0, 100, 50], [0, 50, 0]], [[0, 100, 0], [0, 0, 0]]]
    assert found["tokens"] == ["<b>once", " upon"]
    assert [unit["tops"] for unit in found["units"]] == [[0, 2], [1]]
    assert (readable("Ġthe"), readable("<0x0A>")) == (" the", "↵")


def in_words(contexts: bool) -> Callable[[list[Board], Path], RunStore]:
    def store_of(boards: list[Board], folder: Path) -> RunStore:
        store = RunStore(folder)
        for run in boards[0].representatives.values():
            results = factory.results_of(run, np.random.default_rng(0))
            put(store, run, replace(results, views=words(contexts).to_arrays()))
        return store

    return store_of


def names_of(opened: Opened) -> list[str]:
    return [name.partition(" · ")[0] for name in titles_of(opened)]


def titles_of(opened: Opened) -> list[str]:
    found: list[str] = opened.page.locator(".unit h3").all_text_contents()
    return found


@pytest.mark.browser
def test_units_are_found_and_sorted(open_page: Open) -> None:
    opened = open_page(RECORDS)
    controls = opened.page.locator("#units")
    assert names_of(opened) == [f"Unit {unit}" for unit in range(0, 24, 2)]
    assert "on in 10 samples" in opened.page.locator(".unit >> nth=0 >> css=.muted").text_content()
    controls.get_by_role("button", name="Next").click()
    assert names_of(opened) == [f"Unit {unit}" for unit in range(24, 40, 2)]
    folder = RunStore(opened.folder / "runs").folder(opened.boards[0].representatives["topk"].run_id)
    density = folder.arrays()
    controls.get_by_label("Row", exact=True).select_option(label="topk")
    controls.get_by_label("Sorted by").select_option(label="density")
    controls.get_by_label("Order").select_option(label="largest first")
    order = sorted(range(0, 40, 2), key=lambda unit: -density["density"][unit])
    assert names_of(opened) == [f"Unit {unit}" for unit in order[:12]]
    search = controls.get_by_label("Search")
    rates = dict(zip(range(0, 40, 2), folder.views()["unit_rates"], strict=True))
    mostly = {unit: int(of.argmax()) for unit, of in rates.items() if 2 * of.max() > of.sum()}
    most = next(iter(mostly.values()))
    search.fill(str(most))
    found = {f"Unit {unit} · mostly class {most}" for unit in mostly if mostly[unit] == most}
    itself = {title for title in titles_of(opened) if title.partition(" · ")[0] == f"Unit {most}"}
    assert found
    assert set(titles_of(opened)) == found | itself
    assert opened.page.locator(".unit >> nth=0 >> css=.names span").all_text_contents() == list("0123456789")
    search.fill("photo 3")
    assert len(names_of(opened)) == 6, "three places for each of twenty units among ten samples"
    assert opened.page.locator(".unit canvas").count() == 18
    search.fill("no such thing")
    assert opened.page.locator("#units-state").text_content() == "No unit has that."
    assert (opened.requests, opened.complaints) == ([], [])


@pytest.mark.browser
@pytest.mark.parametrize("contexts", [True, False])
def test_words_are_text(open_page: Open, contexts: bool) -> None:
    opened = open_page(RECORDS, width=390, store_of=in_words(contexts))
    first = opened.page.locator(".unit").first
    if contexts:
        tokens = first.locator(".context").first.locator("span")
        assert tokens.all_text_contents() == ["<b>once", " upon"]
        colours = [node.evaluate("node => getComputedStyle(node).backgroundColor") for node in tokens.all()]
        assert len(set(colours)) == 2
    else:
        assert first.locator("thead").text_content() == "codeheight<u>w"
        assert opened.page.locator(".unit >> nth=1 >> css=tbody tr").all_text_contents() == ["<i>b</i>423"]
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert opened.page.locator(".unit :is(b, u)").count() == 0
    assert opened.complaints == []


@pytest.mark.browser
def test_a_run_that_left_no_units_says_so(open_page: Open) -> None:
    def old(boards: list[Board], folder: Path) -> RunStore:
        store = RunStore(folder)
        for run in boards[0].representatives.values():
            results = factory.results_of(run, np.random.default_rng(0))
            kept = {n: a for n, a in results.views.items() if not n.startswith(("shown_", "unit_", "n_units"))}
            units = {name: results.views[name] for name in ("unit_roles", "unit_order")}
            put(store, run, replace(results, views=kept | units))
        return store

    opened = open_page(RECORDS, store_of=old)
    run = opened.boards[0].representatives[opened.boards[0].rows[0].label].run_id
    assert f"python -m bench evaluate {run} makes them" in opened.page.locator("#units-note").text_content()
    assert names_of(opened) == []
