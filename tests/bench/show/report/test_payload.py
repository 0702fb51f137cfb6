"""What the scripts draw from."""

from __future__ import annotations

from pathlib import Path

from bench.show.report.artefacts import Left, gather
from bench.show.report.payload import payload
from bench.show.report.shown import first_runs
from bench.show.tables import Tables
from tests.bench.show.report import factory


def test_families_are_what_the_runs_say(tmp_path: Path) -> None:
    boards = factory.boards_of(factory.study(models=("vae", "mine", "topk"), datasets=("mnist",), n_seeds=2))
    found = payload(Tables(boards), gather(factory.store_of(boards, tmp_path), first_runs(boards)))
    assert found["families"] == {"vae": "VAE family", "topk": "SAE family", "mine": "others"}
    silent = {record.run_id: Left() for record in boards[0].representatives.values()}
    assert set(payload(Tables(boards), silent)["families"].values()) == {"others"}


def test_columns_say_what_may_be_a_price(tmp_path: Path) -> None:
    boards = factory.boards_of(factory.study(models=("vae", "topk"), datasets=("mnist",), n_seeds=2))
    found = payload(Tables(boards), gather(factory.store_of(boards, tmp_path), first_runs(boards)))["columns"]
    declared = {name: info.price for name, info in factory.infos().items()}
    assert {name: column["price"] for name, column in found.items()} == {
        name: declared[name.partition(".")[0]] for name in found
    }
    assert any(column["price"] for column in found.values())
