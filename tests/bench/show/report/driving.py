"""Ways to use a page in the browser, and to read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.bench.show.report.conftest import Opened

Open = Callable[..., Opened]
"""Writes the page of some records, and opens it."""


def labels(opened: Opened, board: int = 0) -> list[str]:
    found: list[str] = opened.page.locator(f".one-board >> nth={board} >> css=tbody th").all_text_contents()
    return found


def choose(opened: Opened, section: str, control: str, **option: Any) -> None:
    opened.page.locator(f"#{section}").get_by_label(control, exact=True).select_option(**option)


def shown_rows(opened: Opened) -> dict[str, list[str]]:
    rows = opened.page.locator("#answer .reading:visible tbody tr:visible")
    texts = [row.locator("th, td").all_text_contents() for row in rows.all()]
    return {label: cells for label, *cells in texts}
