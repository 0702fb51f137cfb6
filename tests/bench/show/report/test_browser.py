"""The page in a real browser: nothing leaves it, mouse and keyboard work, and its numbers are the tables'."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.compare.stats import Interval, t_interval
from bench.show import tables
from bench.show.tables import Tables, format_interval
from bench.store.runs import RunStore
from tests.bench.show.report import factory
from tests.bench.show.report.conftest import Opened
from tests.bench.show.report.driving import Open, choose, labels

pytestmark = pytest.mark.browser

CELLS = """() => [...document.querySelectorAll('.one-board')].flatMap(board =>
  [...board.querySelectorAll('tbody tr')].flatMap(row => [...row.querySelectorAll('td[data-column]')].map(cell =>
    [Number(board.dataset.board), row.querySelector('th').textContent, cell.dataset.column, cell.textContent,
     cell.querySelector('b') !== null])))"""
PLOTS = """() => [...document.querySelectorAll('.plot:not([hidden])')].map(plot =>
  [plot.getAttribute('aria-label'), plot.querySelectorAll('.points path, .lines path, .hm image').length])"""


def test_nothing_leaves_the_page_and_everything_is_drawn(study_page: Opened) -> None:
    opened = study_page
    plots = opened.page.evaluate(PLOTS)
    assert len(plots) >= 7
    assert all(n_marks > 0 for _, n_marks in plots), plots
    opened.page.click("#theme")
    assert opened.page.evaluate(PLOTS) == plots
    assert (opened.requests, opened.complaints) == ([], [])


def test_cells_and_bold_are_the_boards(open_page: Open) -> None:
    opened = open_page(factory.study())
    for box in opened.page.locator("#board-columns input").all():
        box.check()
    rows = {(b, row.label): row for b, board in enumerate(opened.boards) for row in board.rows}
    columns = [{column.name: column for column in board.columns} for board in opened.boards]
    cells = opened.page.evaluate(CELLS)
    assert len(cells) == sum(len(board.rows) * len(board.columns) for board in opened.boards)
    for b, label, name, text, bold in cells:
        row, ties = rows[b, label], opened.boards[b].ties
        assert text == tables.cell(row, columns[b][name])
        assert bold == (label in ties.get(name, set()) and name in row.values)


def test_sorting_turns_rows_and_says_so(open_page: Open) -> None:
    opened = open_page(factory.study())
    head = opened.page.locator(".one-board >> nth=0 >> css=th[data-column=l0]")
    means = {row.label: row.intervals["l0"].mean for row in opened.boards[0].rows}
    for direction, sign in (("descending", -1), ("ascending", 1)):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == direction
        assert labels(opened) == sorted(means, key=lambda label: sign * means[label])
    assert opened.page.evaluate("document.activeElement.closest('th').dataset.column") == "l0"


def test_filters(open_page: Open) -> None:
    opened = open_page(factory.study())
    choose(opened, "board", "Data set", value="mnist")
    assert opened.page.locator(".one-board h3").all_text_contents() == ["mnist, native setting, quick budget"]
    choose(opened, "board", "Family", value="floors")
    assert labels(opened) == ["random"]
    choose(opened, "board", "Family", value="")
    opened.page.fill("#board-search", "topk")
    assert sorted(labels(opened)) == ["batchtopk", "topk", "topk-hoyer", "topk-l1"]
    opened.page.click(".filter summary")
    opened.page.locator("#board-models input[value=topk]").uncheck()
    assert sorted(labels(opened)) == ["batchtopk", "topk-hoyer", "topk-l1"]


def test_downloads_are_the_tables(study_page: Opened) -> None:
    opened = study_page
    Tables(opened.boards).write(opened.folder)
    for suffix in ("csv", "tex"):
        assert _download(opened, suffix).read_bytes() == (opened.folder / f"leaderboard.{suffix}").read_bytes()
    assert json.loads(_download(opened, "json").read_text()) == json.loads(
        (opened.folder / "leaderboard.json").read_text()
    )
    frame = pd.read_csv(io.BytesIO(_download(opened, "csv").read_bytes()))
    assert len(frame) == 20


def _download(opened: Opened, kind: str) -> Path:
    with opened.page.expect_download() as waiting:
        opened.page.click(f"[data-download={kind}]")
    return Path(waiting.value.path())


def test_keyboard_reaches_every_control_and_shows_where_it_is(open_page: Open) -> None:
    opened = open_page(factory.study(models=("vae", "topk"), datasets=("mnist",)))
    opened.page.evaluate("document.querySelectorAll('details').forEach(node => node.open = true)")
    reachable = "button:enabled, select, input, summary, a[href], [tabindex='0']"
    n_controls = opened.page.evaluate(
        "selector => [...document.querySelectorAll(selector)].filter(node => node.offsetParent || node.closest('nav')"
        " || node.className === 'skip').map((node, i) => node.dataset.reach = i).length", reachable
    )  # fmt: skip
    reached = set()
    for _ in range(n_controls + 5):
        opened.page.keyboard.press("Tab")
        found = opened.page.evaluate(
            "() => [document.activeElement.dataset.reach, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if found[0] is not None:
            reached.add(found[0])
            assert found[1] != "none"
    assert len(reached) == n_controls


def test_explanations_show_on_focus_and_hover_and_go_with_escape(study_page: Opened) -> None:
    opened = study_page
    button = opened.page.locator("#boards th[data-column=fvu] button").first
    tip = opened.page.locator("#tip")
    button.focus()
    assert "Source" in tip.text_content()
    assert button.get_attribute("aria-describedby") == "tip"
    opened.page.keyboard.press("Escape")
    assert tip.is_hidden()
    opened.page.locator("#boards th[data-column=l0] button").first.hover()
    assert tip.is_visible()
    opened.page.locator("#coverage button.cell").focus()
    assert "out of memory" in tip.text_content()
    assert "step 3" not in tip.text_content()


@pytest.mark.parametrize("records", [factory.study(), factory.hostile()], ids=["study", "hostile"])
def test_no_overflow_on_a_phone(open_page: Open, records: list[Any]) -> None:
    opened = open_page(records, width=390)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_markup_in_names_is_text(open_page: Open) -> None:
    opened = open_page(factory.hostile())
    assert factory.HOSTILE in " ".join(labels(opened))
    assert factory.HOSTILE in opened.page.locator("#board h3").first.text_content()
    for axis in ("#pareto-caption", "#pairs-caption", "#coverage", "#provenance"):
        assert "<script>alert(1)</script>" in opened.page.locator(axis).text_content()
    plot = opened.page.locator("#pareto-plot")
    plot.locator(".points path").last.hover(force=True)
    assert opened.page.locator("main script, main b b, main img").count() == 0
    assert (opened.requests, opened.complaints) == ([], [])


def test_pairs_say_what_the_statistics_say(study_page: Opened) -> None:
    opened = study_page
    board = opened.boards[0]
    rows = {row.label: row.values["fvu"] for row in board.rows}
    verdict = opened.page.locator("#pairs-verdict")
    for a, b in (("topk", "mp"), ("mp", "topk"), ("vae", "vsc")):
        choose(opened, "pairs", "Row A", label=a)
        choose(opened, "pairs", "Row B", label=b)
        mean, half = t_interval([rows[a][seed] - rows[b][seed] for seed in rows[a]])
        assert half is not None
        told = verdict.text_content()
        assert f"difference {format_interval(Interval(mean, half))}, n = 5 seeds" in told
        assert told.startswith("Not told apart" if abs(mean) <= half else "topk is ahead")
        assert ("but pays more L0 [units]: neither is better" in told) == told.startswith("topk is ahead")


def test_two_seeds_say_nothing(open_page: Open) -> None:
    opened = open_page(factory.study(n_seeds=2))
    assert opened.page.locator("#pairs-verdict").text_content() == "Fewer than 3 shared seeds: nothing can be said."
    assert opened.page.locator("td b").count() == 0


def test_a_header_leads_to_its_paper_and_its_code(study_page: Opened) -> None:
    opened = study_page
    opened.page.mouse.move(0, 0)
    opened.page.locator("#boards th[data-column=probe_accuracy] button").first.focus()
    assert opened.page.locator("#tip a").get_attribute("href") == "https://arxiv.org/abs/1610.01644"
    assert "Code: metrics/probing.py." in opened.page.locator("#tip").text_content()


def test_units_have_their_roles(study_page: Opened) -> None:
    opened = study_page
    choose(opened, "structure", "Row", label="topk")
    run = opened.boards[0].representatives["topk"].run_id
    rates = RunStore(opened.folder / "runs").folder(run).arrays()["class_rates"]
    told = opened.page.locator("#structure-plots .wide .legend li").all_text_contents()
    counts = {text.split()[1] if "no role" not in text else "no role": int(text.split("(")[1][:-1]) for text in told}
    assert sum(counts.values()) == rates.shape[1]
    assert counts.get("dead", 0) == int((rates.max(0) < 0.01).sum())


def test_numbers_are_formatted_as_python_does(study_page: Opened) -> None:
    opened = study_page
    base = "bench/show/report/assets/core.js"
    source = (Path(__file__).parents[4] / base).read_text(encoding="utf-8")
    functions = source[source.index("// As bench.show.tables") : source.index("function rankedColumns")]
    values = [0.0, 1.0, -1.5, 2.5, 0.125, 12345.678, -0.0004, 1e-9, 3e12, 0.99996, 1e9, 402448.0, 1e-7]
    cases = [(mean, half) for mean in values for half in (None, 0.0, 0.0123, 0.996, 12.0, 250.0, 3e-8, 1e10)]
    written = opened.page.evaluate(
        f"cases => {{ {functions} return cases.map(([m, h]) => formatInterval(m, h)); }}", cases
    )
    assert written == [format_interval(Interval(mean, half)) for mean, half in cases]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation(study_page: Opened, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    opened = study_page
    opened.page.evaluate("() => delete document.documentElement.dataset.theme")
    opened.page.emulate_media(color_scheme=theme)
    opened.page.evaluate("document.querySelectorAll('details').forEach(node => node.open = true)")
    violations = axe.Axe().run(opened.page).response["violations"]
    grave = [(v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in ("serious", "critical")]
    assert grave == []


def test_a_metric_that_failed_says_why(open_page: Open) -> None:
    records = factory.study(models=("vae", "topk"), datasets=("mnist",), n_seeds=3)
    for record in records:
        if record.spec.model == "topk":
            record.metrics.pop("probe_accuracy", None)
            record.metric_errors["probe_accuracy"] = "ValueError: <b>singular"
    opened = open_page(records)
    opened.page.locator("td[data-column=probe_accuracy] button").first.focus()
    assert "seed 0: ValueError: <b>singular" in opened.page.locator("#tip").text_content()


def test_a_metric_that_does_not_apply_says_why(open_page: Open) -> None:
    records = factory.study(models=("vae", "topk", "mp"), datasets=("fmnist",), n_seeds=2)
    for record in records:
        if record.spec.model == "topk":
            record.metrics.pop("category_gap", None)
    opened = open_page(records)
    opened.page.locator("#board-columns input[value=correlation]").check()
    cells = opened.page.locator(".one-board td[data-column=category_gap]")
    button = cells.locator("button")
    assert (cells.count(), button.count(), button.text_content()) == (3, 1, "n/a")
    button.focus()
    assert opened.page.locator("#tip").text_content() == factory.NO_CATEGORIES
    assert button.get_attribute("aria-describedby") == "tip"


def test_any_number_may_be_the_price_those_that_are_declared_first(study_page: Opened) -> None:
    opened = study_page
    price = opened.page.locator("#pareto").get_by_label("Price", exact=True)
    first = price.locator("optgroup").first.locator("option").evaluate_all("nodes => nodes.map(node => node.value)")
    columns = opened.boards[0].columns
    assert first == [column.name for column in columns if column.info.price]
    assert price.locator("option").count() == len(columns)
    assert opened.page.get_by_label("Quality", exact=True).locator("option").count() == len(columns)


def close_to_each_other() -> list[Any]:
    """Eight models of one setting each, all on the front, and one far from them."""
    at = [*((f"a-model-{i}", 2 + 0.1 * i) for i in range(8)), ("far", 64)]
    return [
        factory.record(model, "mnist", seed, {"l0": l0, "fvu": 1 / (3 + l0), "probe_accuracy": l0 / 60}, {"k": l0})
        for model, l0 in at
        for seed in range(3)
    ]


@pytest.mark.parametrize("width", [1280, 390])
def test_names_at_the_front_lie_on_no_other(open_page: Open, width: int) -> None:
    opened = open_page(close_to_each_other(), width=width)
    names = opened.page.locator("#pareto-plot .textpoint:visible")
    edge = opened.page.locator("#pareto-plot").bounding_box()
    for quality in ("fvu", "probe_accuracy"):
        choose(opened, "pareto", "Quality", value=quality)
        opened.page.wait_for_function("() => document.querySelector('#pareto-plot .textpoint[transform]')")
        boxes = [name.bounding_box() for name in names.all()]
        assert len(boxes) >= (8 if width > 400 else 4)
        for i, a in enumerate(boxes):
            assert a["x"] >= edge["x"]
            assert a["x"] + a["width"] <= edge["x"] + edge["width"]
            for b in boxes[:i]:
                assert (
                    abs(2 * (a["x"] - b["x"]) + a["width"] - b["width"]) >= a["width"] + b["width"]
                    or abs(2 * (a["y"] - b["y"]) + a["height"] - b["height"]) >= a["height"] + b["height"]
                )


def test_one_model_is_told_from_many_by_making_the_others_grey(open_page: Open) -> None:
    """Of more models than colours two have one. The one that is chosen lies on top."""
    opened = open_page(close_to_each_other())
    colours = "() => document.getElementById('pareto-plot').data.findLast(each => each.mode === 'markers').marker.color"
    assert len(set(opened.page.evaluate(colours))) == 8
    choose(opened, "pareto", "In colour", value="a-model-3")
    *others, chosen = opened.page.evaluate(colours)
    assert len(others) == 8
    assert len(set(others)) == 1
    assert chosen not in others
    assert (opened.requests, opened.complaints) == ([], [])


@pytest.mark.parametrize(("fvu", "front"), [(0.6, "mp k=2; mp k=8"), (0.4, "mp k=2; topk k=4; mp k=8")])
def test_what_lies_behind_the_line_of_another_model_is_not_on_the_front(
    open_page: Open, fvu: float, front: str
) -> None:
    """At L0 4, where mp was not run, its line is at 0.5."""
    rows = [("mp", 2, 0.8), ("mp", 8, 0.2), ("topk", 4, fvu)]
    opened = open_page([
        factory.record(model, metrics={"l0": float(k), "fvu": level}, variant={"k": k}) for model, k, level in rows
    ])  # fmt: skip
    assert f"On the front: {front}." in opened.page.locator("#pareto-caption").text_content()
    assert opened.complaints == []


def test_another_board_leaves_nothing_of_the_last(open_page: Open) -> None:
    failed = [factory.record(model, "fmnist", 0, status="failed", error="no") for model in ("vae", "topk")]
    opened = open_page([*factory.study(models=("vae", "topk", "mp"), datasets=("mnist",)), *failed])
    choose(opened, "pairs", "Board", label="mnist, native setting, quick budget")
    choose(opened, "pairs", "Row A", label="topk")
    choose(opened, "pairs", "Board", label="fmnist, native setting, quick budget")
    assert opened.page.locator("#pairs-plot").is_hidden()
    assert opened.page.locator("#pairs-caption").text_content() == ""
    assert opened.page.get_by_label("Row A", exact=True).evaluate("node => node.selectedOptions[0].text") == "topk"


def test_sorting_stays_where_it_was_scrolled_to(open_page: Open) -> None:
    opened = open_page(factory.study(), width=390)
    area = opened.page.locator("#boards .scroll").first
    button = opened.page.locator("#boards th[data-column=probe_accuracy] button").first
    button.scroll_into_view_if_needed()
    before = area.evaluate("node => node.scrollLeft")
    button.click()
    assert before > 0
    assert opened.page.locator("#boards .scroll").first.evaluate("node => node.scrollLeft") == before


def test_two_hundred_models_and_a_metric_that_is_nowhere(open_page: Open) -> None:
    opened = open_page(factory.study(models=tuple(f"model-{i}" for i in range(200)), datasets=("mnist",), n_seeds=3))
    assert len(labels(opened)) == 200
    assert opened.complaints == []


def test_names_are_listed_in_words(study_page: Opened) -> None:
    source = (Path(__file__).parents[4] / "bench/show/report/assets/core.js").read_text(encoding="utf-8")
    function = source[source.index("const listed") : source.index("// The controls behind")]
    lists = [["a"], ["a", "b"], ["a", "b", "c"]]
    written = study_page.page.evaluate(f"lists => {{ {function} return lists.map(list => listed(list)); }}", lists)
    assert written == ["a", "a and b", "a, b and c"]


def test_the_theme_button_says_what_it_does(open_page: Open) -> None:
    opened = open_page(factory.study(models=("vae", "topk"), datasets=("mnist",), n_seeds=2))
    button = opened.page.locator("#theme")
    assert button.text_content() == "Dark theme"
    opened.page.emulate_media(color_scheme="dark")
    opened.page.wait_for_selector("#theme:text('Light theme')")
    button.click()
    assert button.text_content() == "Dark theme"


def test_the_navigation_says_where_the_reader_is(study_page: Opened) -> None:
    opened = study_page
    for section in ("pairs", "units", "provenance", "answer"):
        opened.page.locator(f"nav a[href='#{section}']").click()
        opened.page.wait_for_selector(f"nav a[href='#{section}'][aria-current]")
        assert opened.page.locator("nav a[aria-current]").count() == 1
