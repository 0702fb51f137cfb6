"""The answer in a real browser: any level is read as Python reads it, and two models are compared there."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from bench.compare.answers import Answer, answer, answering
from bench.compare.pairs import compare
from bench.compare.prices import Price
from bench.compare.readings import read
from bench.show.answers import lacking, sentence, wary
from bench.show.readings import cells, is_marked, rank_text, seeds
from bench.show.tables import format_interval
from tests.bench.compare.test_readings import imported
from tests.bench.show.report import factory
from tests.bench.show.report.driving import Open, choose, shown_rows

pytestmark = pytest.mark.browser

READ = """node => [...node.querySelectorAll('tbody tr')].map(row => [row.querySelector('th').textContent,
  ...[...row.querySelectorAll('td')].map(cell => [[...cell.childNodes].filter(part => !part.className).map(part =>
    part.textContent).join(''), cell.querySelector('.rank')?.textContent ?? '', cell.querySelector('b') !== null])])"""


def test_the_page_begins_with_the_answer_and_its_table(open_page: Open) -> None:
    opened = open_page(factory.swept())
    assert opened.page.locator("main section").first.get_attribute("id") == "answer"
    told = opened.page.locator("#answer .sentence:visible").text_content()
    assert told.startswith("At L0 5 on mnist (native setting, quick budget), too few seeds for a mark")
    assert "mp reconstructs best" in told
    assert opened.page.locator("#answer .sentence:visible code").text_content() == "--settings matched"
    opened.page.get_by_label("Level", exact=True).fill("10")
    rows = shown_rows(opened)
    assert rows.keys() == {"mp", "topk", "vsc"}, "floors are behind a switch"
    assert float(rows["mp"][1].split()[0]) == pytest.approx(0.3, abs=1e-3)
    assert rows["vsc"] == ["0/3", "not reached"]
    assert opened.page.locator("#answer .sentence:visible").text_content().startswith("At L0 10 on mnist")
    opened.page.locator("#answer").get_by_label("Floors").check()
    assert "random" in shown_rows(opened)
    choose(opened, "answer", "Price", label="L0 5 to 20, on average")
    assert float(shown_rows(opened)["topk"][1].split()[0]) == pytest.approx(0.5 - 0.01 * 15 / math.log(4), rel=0.02)
    assert (opened.requests, opened.complaints) == ([], [])


def read_by_python(answer: Answer, price: Price) -> tuple[list[Any], str, list[str]]:
    """Rows as (text, rank, bold) by cell, the sentence, and what to be wary of."""
    reading = read(answer.board, price, answering(answer.board), answer.floors)
    columns = reading.board.columns
    ranks = [reading.ranks(column) for column in columns]
    rows: list[Any] = []
    for row in reading.board.rows:
        texts = cells(reading, row) if row.n_done else [lacking(reading).lower()]
        parts = zip(texts, columns, ranks, strict=False)
        told = [
            [text, rank_text(of.get(row.label)) if row.n_done else "", is_marked(reading, row, column)]
            for text, column, of in parts
        ]
        rows.append([row.label, [seeds(reading, row), "", False], *told])
    told = re.sub(r"\. Curves cross: .*?(?=\.( Not| No| Sizes|$))", "", sentence(answer, reading))
    return rows, told.replace("`", ""), wary(reading)


@pytest.mark.parametrize("n_seeds", [5, 3])
def test_any_level_is_read_as_the_command_line_reads_it(open_page: Open, n_seeds: int) -> None:
    """Of three seeds nothing is marked; at some levels the ranks tell rows apart, at others not."""
    opened = open_page([record for record in factory.noisy() if record.spec.seed < n_seeds])
    given = answer(opened.boards[0], {"random"})
    reading = opened.page.locator("#answer .reading:visible")
    at_a_setting = round(opened.boards[0].rows[0].values["l0"][0] * 1.0005, 5)
    sparse, faithful = (1, 3.2, 3.5, 6, 8, 12.5, 19, 28, 400, at_a_setting), (0.196, 0.283, 0.37, 0.44)
    for metric, levels in (("l0", sparse), ("fvu", faithful)):
        choose(opened, "answer", "Price", value=metric)
        for level in levels:
            opened.page.get_by_label("Level", exact=True).fill(str(level))
            rows, told, remarks = read_by_python(given, Price(metric, level, level))
            assert opened.page.locator("#answer .made:visible").count() == 1, "this level is not offered"
            assert reading.evaluate(READ) == rows
            assert reading.locator(".sentence").text_content() == told
            assert reading.locator("li").all_text_contents() == remarks
    assert opened.complaints == []


@pytest.mark.parametrize("n_seeds", [(3, 3, 3, 3), (10, 10, 7, 5)])
def test_what_counts_and_unequal_seeds_are_read_as_the_command_line_reads_them(
    open_page: Open, n_seeds: tuple[int, ...]
) -> None:
    """Beside a checkpoint. In each of three seeds mp has a sample more right than topk; of ten, some rows lack some."""
    noise = [0, 1, -1, 2, 0, -2, 1, 0, -1, 2]
    records = [
        factory.record(model, "mnist", seed + 1, {
            "l0": 9.9, "fvu": 0.3 - 0.01 * i * (seed > 4) + 0.001 * noise[seed - i],
            "probe_accuracy": (345 + 2 * (i == 2) + i + noise[seed]) / 360,
        })
        for i, (model, n) in enumerate(zip(("topk", "mp", "omp", "vsc"), n_seeds, strict=True))
        for seed in range(n)
    ]  # fmt: skip
    opened = open_page([*records, imported(factory.record("x", "mnist", 0, {"l0": 9.9, "fvu": 0.25}))])
    given = answer(opened.boards[0], set())
    opened.page.get_by_label("Level", exact=True).fill("9.9")
    rows, told, _ = read_by_python(given, Price("l0", 9.9, 9.9))
    reading = opened.page.locator("#answer .reading:visible")
    assert opened.page.locator("#answer .made:visible").count() == 1
    assert reading.evaluate(READ) == rows
    assert reading.locator(".sentence").text_content() == told
    choose(opened, "answer", "Model", label="topk")
    choose(opened, "answer", "against", label="mp")
    board = read(opened.boards[0], Price("l0", 9.9, 9.9), answering(opened.boards[0])).board
    better = [row.locator("td").first.text_content() for row in opened.page.locator("#two-table tbody tr").all()]
    assert better == [found.better or "not told apart" for found in compare(board, "topk", "mp", board.columns)]


def test_the_level_that_is_asked_goes_to_the_other_boards(open_page: Open) -> None:
    opened = open_page([*factory.swept(), *factory.study(datasets=("fmnist",), n_seeds=2)])
    level = opened.page.get_by_label("Level", exact=True)
    level.fill("9")
    for board in ("mnist", "fmnist"):
        choose(opened, "answer", "Board", label=f"{board}, native setting, quick budget")
        assert level.input_value() == "9"
        assert opened.page.locator("#answer .sentence:visible").text_content().startswith(f"At L0 9 on {board} ")


def test_what_is_no_level_changes_nothing(open_page: Open) -> None:
    opened = open_page(factory.swept())
    rows = shown_rows(opened)
    level = opened.page.get_by_label("Level", exact=True)
    for text in ("0", "-3", ""):
        level.fill(text)
        assert level.evaluate("node => !node.validity.valid")
        assert opened.page.locator("#level-note").text_content() == "Type a number above zero. Shown is L0 5."
        assert shown_rows(opened) == rows
    level.blur()
    assert level.input_value() == "5"
    assert opened.page.locator("#level-note").text_content() == ""


def test_the_other_sections_follow_the_board_of_the_answer(open_page: Open) -> None:
    """They start there at rows that are no floors, and a later choice of their own stands until it changes again."""
    opened = open_page(factory.study(models=("random", "vae", "topk", "mp")))
    sections = ("pareto", "pairs", "structure", "units")

    def shown() -> list[str]:
        controls = [opened.page.locator(f"#{name}").get_by_label("Board", exact=True) for name in sections]
        return [control.evaluate("node => node.selectedOptions[0].text.split(',')[0]") for control in controls]

    rows = [("pairs", "Row A"), ("pairs", "Row B"), ("structure", "Row"), ("units", "Row")]
    for section, control in rows:
        row = opened.page.locator(f"#{section}").get_by_label(control, exact=True)
        assert row.evaluate("node => node.selectedOptions[0].text") != "random"
    choose(opened, "answer", "Board", label="mnist, native setting, quick budget")
    assert shown() == ["mnist"] * 4
    choose(opened, "pairs", "Board", label="fmnist, native setting, quick budget")
    assert shown() == ["mnist", "fmnist", "mnist", "mnist"]
    choose(opened, "answer", "Board", label="fmnist, native setting, quick budget")
    assert shown() == ["fmnist"] * 4
    assert opened.complaints == []


def test_a_range_has_no_level_and_no_two_models(open_page: Open) -> None:
    opened = open_page(factory.swept())
    level, link = opened.page.get_by_label("Level", exact=True), opened.page.locator("nav a[href='#two']")
    assert (level.is_visible(), link.is_visible()) == (True, True)
    choose(opened, "answer", "Price", label="L0 5 to 20, on average")
    assert (level.is_visible(), link.is_visible()) == (False, False)
    choose(opened, "answer", "Price", label="L0")
    assert (level.is_visible(), link.is_visible()) == (True, True)


def test_two_models_are_no_floors_while_these_are_hidden(open_page: Open) -> None:
    opened = open_page(factory.swept())
    names = opened.page.get_by_label("against", exact=True).locator("option")
    assert "random" not in names.all_text_contents()
    opened.page.locator("#answer").get_by_label("Floors").check()
    choose(opened, "answer", "against", label="random")
    opened.page.locator("#answer").get_by_label("Floors").uncheck()
    chosen = [opened.page.get_by_label(name, exact=True).input_value() for name in ("Model", "against")]
    assert len({*chosen, "random"}) == 3


def test_two_models_are_told_apart_as_the_command_line_tells_them(open_page: Open) -> None:
    """A p-value of 0.035 tells alone, and not as one of the last two of three; a smaller one does."""
    by_seed = {"fvu": [0.50, 0.51, 0.52], "dead_fraction": [0.02, 0.03, 0.04], "probe_accuracy": [0.02, 0.03, 0.04]}
    records = [
        factory.record(
            model, "mnist", seed, {name: gain * values[seed] for name, values in by_seed.items()} | {"l0": 5.0}
        )
        for model, gain in (("topk", 1), ("mp", 0))
        for seed in range(3)
    ]
    opened = open_page(records)
    board = opened.boards[0]
    words = {found.column.name: found.better for found in compare(board, "topk", "mp", board.headline)}
    assert words["fvu"] == "mp"
    assert words["dead_fraction"] == words["probe_accuracy"] == ""
    verdict = opened.page.locator("#two-verdict").text_content()
    assert verdict == "mp is better than topk in FVU; not told apart in dead and probe."


def test_two_models_are_compared_at_the_level_that_is_asked(open_page: Open) -> None:
    opened = open_page(factory.noisy())
    opened.page.get_by_label("Level", exact=True).fill("8")
    choose(opened, "answer", "Model", label="topk")
    choose(opened, "answer", "against", label="omp")
    board = read(opened.boards[0], Price("l0", 8, 8), answering(opened.boards[0])).board
    lines = [row.locator("th, td").all_text_contents()[:4] for row in opened.page.locator("#two-table tbody tr").all()]
    assert lines == [
        [
            found.column.header,
            "not ranked" if found.column.info.direction == "none" else found.better or "not told apart",
            format_interval(found.difference),
            str(found.seeds),
        ]
        for found in compare(board, "topk", "omp", board.columns)
    ]
    choose(opened, "answer", "against", label="topk")
    assert opened.page.locator("#two-verdict").text_content() == "Both are topk: choose two different models."
