"""The address of the page holds the whole view: it can be sent, and gone back to."""

from __future__ import annotations

import pytest

from tests.bench.show.report import factory
from tests.bench.show.report.driving import Open, choose, labels, shown_rows

pytestmark = pytest.mark.browser


def test_a_view_can_be_sent(open_page: Open) -> None:
    """What is chosen stands in the address; opened there, the page looks the same, at the section that was changed."""
    opened = open_page([*factory.swept(), *factory.study(datasets=("fmnist",), n_seeds=2)])
    choose(opened, "answer", "Board", label="mnist, native setting, quick budget")
    opened.page.get_by_label("Level", exact=True).fill("10")
    choose(opened, "pareto", "Quality", value="dead_fraction")
    choose(opened, "pareto", "Price", value="probe_accuracy")
    opened.page.locator("#pareto").get_by_label("Floors").check()
    rows, address = shown_rows(opened), opened.page.evaluate("location.hash")
    opened.page.goto("about:blank")
    opened.page.goto((opened.folder / "report.html").as_uri() + address)
    opened.page.wait_for_selector("html[data-ready]", state="attached")
    assert shown_rows(opened) == rows
    assert "dead ↓ against probe ↑" in opened.page.locator("#pareto-plot").get_attribute("aria-label")
    assert opened.page.locator("#pareto").get_by_label("Floors").is_checked()
    assert opened.page.evaluate("scrollY") > 0
    assert opened.complaints == []


def test_the_whole_view_stands_in_the_address_and_can_be_gone_back_to(open_page: Open) -> None:
    opened = open_page(factory.noisy())
    page = opened.page
    page.get_by_label("Level", exact=True).fill("8")
    rows = shown_rows(opened)
    page.locator("#board-columns input[value=cost]").check()
    page.fill("#board-search", "p k=")
    page.locator("#boards th[data-column=probe_accuracy] button").click()
    page.click("nav a[href='#pairs']")
    board, address = labels(opened), page.evaluate("location.hash")
    assert address.startswith("#pairs&")
    page.goto("about:blank")
    page.goto((opened.folder / "report.html").as_uri() + address)
    page.wait_for_selector("html[data-ready]", state="attached")
    assert (shown_rows(opened), labels(opened)) == (rows, board)
    assert page.locator("#boards th[data-column=probe_accuracy]").get_attribute("aria-sort") == "descending"
    assert page.locator("#board-columns input[value=cost]").is_checked()
    choose(opened, "board", "Family", value="floors")
    page.go_back()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert labels(opened) == board
    assert opened.complaints == []
