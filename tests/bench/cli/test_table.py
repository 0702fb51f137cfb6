"""`bench leaderboard --at`, `bench table`: models at an equal price."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.store.record import Record
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench
from tests.bench.show.report import factory
from tests.results import put


def stored(root: Path, records: list[Record]) -> Path:
    """A results folder of these runs."""
    rng = np.random.default_rng(0)
    for record in records:
        put(RunStore(root), record, factory.results_of(record, rng))
    return root


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps over k = 5, 10 and 20, and a model that was run once."""
    records = [*factory.sweep("topk"), *factory.sweep("mp", offset=-0.1), *factory.sweep("vae", ks=(7,))]
    return stored(tmp_path_factory.mktemp("swept"), records)


def test_the_board_is_read_at_prices(swept: Path, tmp_path: Path) -> None:
    said = bench("leaderboard", "--at", "l0=8", "--at", "l0=5..20", "--results", str(swept), "--out", str(tmp_path))
    assert said.returncode == 0, said.stderr
    assert "At L0 8 on mnist" in said.stdout
    assert "Over L0 5 to 20 on mnist" in said.stdout
    assert "One setting, so no curve: read only where it stands: vae k=7." in said.stdout
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("leaderboard", "--at", "l0"), "--at l0: not a price. Valid: METRIC=NUMBER"),
        (("leaderboard", "--at", "l1=3"), "Unknown metric in --at 'l1'. Did you mean 'l0'"),
        (("leaderboard", "--at", "l0=8", "--columns", "fvvu"), "Unknown metric in --columns 'fvvu'"),
        (("table", "--at", "l0=8", "--rows", "toopk"), "Unknown row in --rows 'toopk'. Did you mean 'topk'"),
        (("table", "--format", "html"), "Unknown --format 'html'"),
    ],
)
def test_bad_input_is_named_before_anything_is_written(swept: Path, arguments: tuple[str, ...], words: str) -> None:
    said = bench(*arguments, "--results", str(swept))
    assert said.returncode == 2
    assert words in said.stderr


def test_a_table_for_a_paper(swept: Path) -> None:
    form = ("--columns", "fvu", "--rows", "topk,mp", "--format", "latex", "--label", "tab:x")
    said = bench("table", "--at", "l0=8", *form, "--results", str(swept))
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[5] == r"\label{tab:x}"
    assert [line.split(" & ")[:2] for line in lines[10:12]] == [["topk", "3/3"], ["mp", "3/3"]]


def test_columns_that_no_shown_row_has_are_left_out_unless_they_are_asked_for(swept: Path, tmp_path: Path) -> None:
    """The likelihood is the VAE's alone."""
    rare = [
        record.model_copy(update={"metrics": record.metrics | {"neg_elbo": 80.0}} if record.spec.model == "vae" else {})
        for record in (*factory.sweep("topk"), *factory.sweep("vae"))
    ]
    results = ("--results", str(stored(tmp_path, rare)))
    header = [bench("table", "--at", "l0=8", *more, *results).stdout.splitlines()[2] for more in (
        (), ("--rows", "topk"), ("--rows", "topk", "--columns", "fvu,neg_elbo"))
    ]  # fmt: skip
    assert ["-ELBO" in line for line in header] == [True, False, True]


def test_a_table_of_nothing_is_an_error(tmp_path: Path) -> None:
    said = bench("table", "--results", str(tmp_path))
    assert (said.returncode, "No records that can be read" in said.stderr) == (2, True)
    alone = bench("table", "--results", str(stored(tmp_path, factory.sweep("topk"))))
    assert (alone.returncode, "No two models reach one price; name one" in alone.stderr) == (2, True)
