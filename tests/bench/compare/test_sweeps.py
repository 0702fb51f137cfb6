"""Which rows make a curve."""

from __future__ import annotations

from typing import Any

from bench.compare.sweeps import main_price, sweeps
from bench.store.record import Record
from tests.bench.show.report import factory


def row(variant: dict[str, Any], l0: float, model: str = "topk", **spec: Any) -> Record:
    record = factory.record(model, metrics={"fvu": 1 / (1 + l0), "l0": l0}, variant=variant)
    changed = record.spec.model_copy(update=spec)
    return record.model_copy(update={"spec": changed, "run_id": changed.run_id})


def curves(*records: Record) -> dict[str, tuple[str, list[str]]]:
    (board,) = factory.boards_of(list(records))
    return {sweep.label: (sweep.field, [row.label for row in sweep.rows]) for sweep in sweeps(board)}


def test_rows_that_differ_in_one_number_are_a_curve_and_others_are_not() -> None:
    found = curves(
        row({"k": 8}, 8), row({"k": 4}, 4), row({}, 10), row({"k": 4, "mask": False}, 4), row({}, 10, model="vae")
    )
    # The row without a variant has k = 10, its model's own.
    assert found == {
        "topk": ("k", ["topk k=4", "topk k=8", "topk"]),
        "topk mask=False": ("k", ["topk k=4 mask=False"]),
        "vae": ("", ["vae"]),
    }


def test_a_model_with_one_curve_is_called_by_its_name_alone() -> None:
    found = curves(*(row({"k": k, "mask": False}, k) for k in (4, 8)))
    assert found == {"topk": ("k", ["topk k=4 mask=False", "topk k=8 mask=False"])}


def test_the_number_that_moves_the_price_most_is_swept() -> None:
    """Four rates and two ks: a rate hardly moves L0, k does."""
    grid = [row({"k": k, "rate": rate}, k + rate) for k in (4, 32) for rate in (0.1, 0.2, 0.3, 0.4)]
    found = curves(*grid)
    assert {field for field, _ in found.values()} == {"k"}
    assert found["topk rate=0.3"] == ("k", ["topk k=4 rate=0.3", "topk k=32 rate=0.3"])
    assert len(found) == 4


def test_only_what_is_a_number_in_every_row_is_swept() -> None:
    assert curves(row({"start": "data"}, 4), row({"start": "noise"}, 8)) == {
        "topk start=data": ("", ["topk start=data"]),
        "topk start=noise": ("", ["topk start=noise"]),
    }
    assert {field for field, _ in curves(row({"mask": True}, 4), row({"mask": False}, 8)).values()} == {""}
    assert curves(row({"cap": 3}, 10), row({"k": 4}, 4), row({"k": 8}, 8)) == {
        "topk cap=3": ("k", ["topk cap=3"]),
        "topk": ("k", ["topk k=4", "topk k=8"]),
    }


def test_a_row_that_keeps_no_unit_on_is_part_of_its_curve() -> None:
    assert curves(row({"k": 4}, 0), row({"k": 8}, 8)) == {"topk": ("k", ["topk k=4", "topk k=8"])}


def test_runs_of_other_lengths_are_no_curve() -> None:
    found = curves(row({"k": 4}, 4, max_steps=100), row({"k": 8}, 8, max_steps=100), row({"k": 16}, 16, max_steps=900))
    assert found == {
        "topk (from topk k=4)": ("k", ["topk k=4", "topk k=8"]),
        "topk (from topk k=16)": ("k", ["topk k=16"]),
    }


def test_the_main_price_is_the_first_of_the_printed_board() -> None:
    (board,) = factory.boards_of(factory.sweep())
    price = main_price(board.columns)
    assert price is not None
    assert price.name == "l0"
    assert main_price([column for column in board.columns if not column.info.price]) is None
