"""A headless Chromium for the whole session, and pages of synthetic records."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.compare.boards import Board
from bench.show import report
from bench.show.tables import Tables
from bench.store.record import Record
from bench.store.runs import RunStore
from tests.bench.show.report import factory

CHROMIUM = os.environ.get("BENCH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass
class Opened:
    """A page in the browser, and what it did that it should not."""

    page: Any
    folder: Path
    boards: list[Board]
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: set BENCH_CHROMIUM to one")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Write the page of some records, and open it where every request but that for the file is refused."""
    contexts: list[Any] = []
    yield partial(_open, browser, tmp_path, contexts)
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def study_page(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """The page of the whole study, for tests that leave the board as it is."""
    return _open(browser, tmp_path_factory.mktemp("report"), [], factory.study())


def _open(
    browser: Any,
    folder: Path,
    contexts: list[Any],
    records: list[Record],
    width: int = 1280,
    store_of: Callable[[list[Board], Path], RunStore] = factory.store_of,
) -> Opened:
    boards = factory.boards_of(records)
    path = report.write(records, Tables(boards), folder, store_of(boards, folder / "runs"))
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(30_000)
    contexts.append(context)
    opened = Opened(context.new_page(), folder, boards)

    def serve(route: Any) -> None:
        if route.request.url == path.as_uri():
            route.continue_()
        else:
            opened.requests.append(route.request.url)
            route.abort()

    def dismiss(dialog: Any) -> None:
        opened.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    context.route("**/*", serve)
    opened.page.on("console", lambda message: opened.complaints.append(message.text))
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.on("dialog", dismiss)
    opened.page.goto(path.as_uri())
    opened.page.wait_for_selector("html[data-ready]", state="attached")
    return opened
