"""Pictures in a real browser: every pixel is what the run left, and what is not there is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.show.report.pictures import LEVELS
from bench.store.runs import RunStore
from bench.store.views import Views
from tests.bench.show.report import factory
from tests.bench.show.report.conftest import Opened
from tests.bench.show.report.driving import Open
from tests.results import put

pytestmark = pytest.mark.browser
PIXELS = """node => ({width: node.width, height: node.height,
  data: [...node.getContext('2d').getImageData(0, 0, node.width, node.height).data]})"""
SMALL = (8, 6)


def one_run() -> list[Any]:
    return [factory.record("topk", "mnist", 0, factory.scores(0.1, np.zeros(8), 10.0))]


def small_store(views: Views) -> Callable[..., RunStore]:
    """A store whose runs left these views."""

    def make(boards: list[Any], folder: Path) -> RunStore:
        store = factory.store_of(boards, folder)
        for path in folder.glob("*/views.npz"):
            np.savez(path, allow_pickle=False, **views.to_arrays())
        return store

    return make


def views(shape: tuple[int, ...] = SMALL) -> Views:
    rng = np.random.default_rng(0)
    return factory.views_of(rng, rng.random((10, 16)), shape)


def pixels(opened: Opened, sheet: str) -> np.ndarray:
    """RGBA of a sheet, by the start of its label."""
    found = opened.page.locator(f"#structure-pictures canvas[aria-label^='{sheet}']").first.evaluate(PIXELS)
    return np.array(found["data"], np.uint8).reshape(found["height"], found["width"], 4)


def settled(opened: Opened) -> Any:
    opened.page.wait_for_selector("#structure-pictures[aria-busy=false]")
    return opened.page.locator("#structure-pictures")


def test_sheets_have_labels_that_are_seen_and_read_aloud(study_page: Opened) -> None:
    opened = study_page
    opened.page.locator("#structure").get_by_label("Row", exact=True).select_option(label="topk")
    sheets = settled(opened).locator("figure")
    titles = [text.partition(":")[0] for text in sheets.locator("h3").all_text_contents()]
    assert sheets.locator("h3").first.text_content() == "reconstructions: topk, seed 0"
    assert [title.split()[0] for title in titles] == [
        "reconstructions",
        "progressive",
        "traversal",
        "traversal",
        "atoms",
    ]
    first, second = sheets.nth(2), sheets.nth(3)
    run = RunStore(opened.folder / "runs").folder(opened.boards[0].representatives["topk"].run_id)
    rates = Views.from_arrays(run.views()).varied_rates[0]
    rows = [f"{label}  {rate:.0%}" for label, rate in zip("07", rates, strict=True)]
    assert first.locator(".rows span").all_text_contents() == rows
    assert first.locator(".columns span").all_text_contents() == ["input", "0", "1", "2"]
    image, change = first.locator("canvas").all()
    assert image.get_attribute("role") == "img"
    assert image.get_attribute("aria-label").endswith(f" of topk: {'; '.join(rows)}; columns input, 0, 1, 2")
    assert change.get_attribute("aria-label").startswith("change, traversal")
    boxes = [each.bounding_box() for each in (first, second)]
    assert boxes[0]["y"] == boxes[1]["y"], "side by side"
    assert boxes[0]["x"] < boxes[1]["x"]


def test_another_seed_has_its_own_pictures_and_units(open_page: Open) -> None:
    records = [factory.record("topk", "mnist", seed, factory.scores(0.1, np.ones(8) * seed, 10.0)) for seed in range(4)]
    store = RunStore(Path("unused"))

    def every(boards: list[Any], folder: Path) -> RunStore:
        nonlocal store
        store, rng = RunStore(folder), np.random.default_rng(3)
        for record in records:
            put(store, record, factory.results_of(record, rng, SMALL))
        return store

    opened = open_page(records, store_of=every)
    place = opened.page.locator("#structure").get_by_label("Seed", exact=True)
    assert place.locator("option").all_text_contents() == ["0", "1", "2"], "three of four"
    for seed in (0, 2):
        place.select_option(label=str(seed))
        settled(opened)
        inputs = Views.from_arrays(store.folder(records[seed].run_id).views()).inputs
        level = np.rint(inputs[3] / inputs.max() * (LEVELS - 1)).reshape(SMALL)
        tile = pixels(opened, "reconstructions")[: SMALL[0], 3 * (SMALL[1] + 1) :][:, : SMALL[1]]
        np.testing.assert_allclose(tile[..., 0], level / (LEVELS - 1) * 255, atol=0.51)
    assert opened.page.locator("#units").get_by_label("Seed", exact=True).locator("option").count() == 3
    opened.page.locator("#units").get_by_label("Seed", exact=True).select_option(label="1")
    assert "units.Seed=1" in opened.page.evaluate("location.hash")
    assert (opened.requests, opened.complaints) == ([], [])


def test_a_grey_sheet_has_the_levels_of_its_numbers_and_gaps(open_page: Open) -> None:
    given = views()
    opened = open_page(one_run(), store_of=small_store(given))
    settled(opened)
    drawn = pixels(opened, "reconstructions")
    height, width = SMALL
    assert drawn.shape == (2 * height + 1, 10 * width + 9, 4)
    assert (drawn[height, :, 3] == 0).all()
    assert (drawn[:, width, 3] == 0).all()
    kept = Views.from_arrays(given.to_arrays())
    level = np.rint(kept.inputs[3] / kept.inputs.max() * (LEVELS - 1)).reshape(SMALL)
    tile = drawn[:height, 3 * (width + 1) :][:, :width]
    np.testing.assert_allclose(tile[..., 0], level / (LEVELS - 1) * 255, atol=0.51)
    assert (tile[..., 0] == tile[..., 2]).all()
    assert (tile[..., 3] == 255).all()


def test_a_colour_sheet_has_its_colours(open_page: Open) -> None:
    given = views((3, 4, 4))
    opened = open_page(one_run(), store_of=small_store(given))
    settled(opened)
    drawn = pixels(opened, "reconstructions")
    assert drawn.shape == (2 * 4 + 1, 10 * 4 + 9, 4)
    kept = Views.from_arrays(given.to_arrays())
    level = np.rint(kept.inputs[3] / kept.inputs.max() * (LEVELS - 1)).reshape(3, 4, 4).transpose(1, 2, 0)
    tile = drawn[:4, 3 * 5 :][:, :4]
    np.testing.assert_allclose(tile[..., :3], level / (LEVELS - 1) * 255, atol=0.51)
    assert (tile[..., 3] == 255).all()
    assert (drawn[4, :, 3] == 0).all()


def test_a_signed_sheet_is_blue_below_zero_and_red_above(open_page: Open) -> None:
    given = views()
    atoms = np.zeros((11, 48), np.float32)
    atoms[0], atoms[1] = -1, 1
    opened = open_page(one_run(), store_of=small_store(replace(given, atoms=atoms)))
    settled(opened)
    drawn = pixels(opened, "atoms").astype(int)
    below, above, zero = drawn[0, 0], drawn[0, 7], drawn[0, 14]
    assert below[2] > below[0] + 50
    assert above[0] > above[2] + 50
    assert zero[:3].min() > 235
    assert (drawn[9:, 7:, 3] == 0).all()  # the second row has one atom


def test_vectors_are_lines(open_page: Open) -> None:
    opened = open_page(one_run(), store_of=small_store(views((48,))))
    sheets = settled(opened).locator("figure")
    assert pixels(opened, "reconstructions").shape == (2 * 10 + 1, 48, 4)
    assert sheets.first.locator(".rows span").all_text_contents() == ["input", "output"]
    assert sheets.first.locator(".columns span").count() == 0
    caption = sheets.first.locator("figcaption").text_content()
    assert caption.endswith("Lines from the top: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9.")


def test_what_a_run_lacks_is_named_with_how_to_have_it(open_page: Open) -> None:
    def old(boards: list[Any], folder: Path) -> RunStore:
        store = factory.store_of(boards, folder)
        for name in ("views.npz", "legend.json"):
            next(folder.glob(f"*/{name}")).unlink()
        return store

    opened = open_page(one_run(), store_of=old)
    run = opened.boards[0].representatives["topk"].run_id
    told = settled(opened).locator(".lacking").text_content()
    assert told.startswith("No pictures of topk:")
    assert f"bench evaluate {run}" in told
    assert opened.page.locator("#structure-pictures figure").count() == 0
    assert opened.complaints == []


def test_pictures_without_room_name_the_command_that_draws_them(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.show.report.page.MAX_BYTES", 0)
    opened = open_page(one_run())
    run = opened.boards[0].representatives["topk"].run_id
    assert settled(opened).locator("code").text_content() == f"python -m bench figures {run}"
    assert opened.page.locator("#structure-pictures figure").count() == 0


def test_a_part_that_could_not_be_made_is_named_beside_the_others(open_page: Open) -> None:
    broken = replace(views(), missing=np.array(["atoms: IndexError: <b>no"]), atoms=np.empty((0, 0), np.float32))
    opened = open_page(one_run(), store_of=small_store(broken))
    told = settled(opened).locator(".lacking").text_content()
    assert told == "Not all pictures of topk:atoms: IndexError: <b>no"
    assert opened.page.locator("#structure-pictures figure").count() == 4


def test_a_row_without_a_run_has_no_pictures(open_page: Open) -> None:
    failed = factory.record("vae", "mnist", 0, status="failed", error="no")
    opened = open_page([*one_run(), failed])
    opened.page.locator("#structure").get_by_label("Row", exact=True).select_option(label="vae")
    assert settled(opened).text_content() == "No pictures of vae."
    assert opened.complaints == []


def test_what_is_not_there_has_no_colour_in_the_dark(open_page: Open) -> None:
    opened = open_page(one_run())
    settled(opened)
    opened.page.emulate_media(color_scheme="dark")
    colour = "node => getComputedStyle(node).backgroundColor"
    backgrounds = [node.evaluate(colour) for node in opened.page.locator(".sheet canvas.diverging").all()]
    assert backgrounds
    assert set(backgrounds) == {"rgba(0, 0, 0, 0)"}
