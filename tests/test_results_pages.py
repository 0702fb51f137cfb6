"""What the pages say in words and in short tables is what the files beside them hold."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PRINTED = {
    "mnist": {"MNIST FVU": "FVU", "MNIST monosem.": "monosemanticity mean", "MNIST probe": "probe"},
    "fmnist": {"Fashion FVU": "FVU", "Fashion monosem.": "monosemanticity mean", "Fashion probe": "probe"},
    "factors": {"faces FVU": "FVU", "faces MCC": "MCC", "faces probe": "probe"},
}
"""Data set -> column of the README's table -> column of the data set's own."""
LIBRARIES = {"SAELens": "sae-lens", "sparsify": "eai-sparsify", "dictionary_learning": "dictionary-learning"}
STEPS = {"TopK": "TopK", "matching pursuit": "MP", "orthogonal matching pursuit": "OMP"}


def rows(page: Path, header: str) -> dict[str, dict[str, str]]:
    """The first table of a page whose header begins so: first cell of a row -> column, without its arrow -> cell."""
    lines = page.read_text(encoding="utf-8").split(f"\n| {header}", 1)[1].split("\n\n", 1)[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in (header + lines[0], *lines[2:])]
    columns = [name.strip(" ↓↑") for name in cells[0]]
    return {row[0]: dict(zip(columns, row, strict=False)) for row in cells[1:]}


def is_rounded(printed: str, exact: str) -> bool:
    """Whether a number is the other one, which was itself rounded, to fewer digits."""
    short, long = (Decimal(cell.strip("*").split(" ±")[0]) for cell in (printed, exact))
    last_places = [Decimal(1).scaleb(int(number.as_tuple().exponent)) for number in (short, long)]
    return abs(short - long) <= sum(last_places) / 2


@pytest.mark.parametrize("dataset", PRINTED)
def test_the_readme_has_the_numbers_and_marks_of_the_study(dataset: str) -> None:
    study = rows(RESULTS / "matched" / f"{dataset}.md", "model")
    for model, cells in rows(ROOT / "README.md", "model | MNIST FVU").items():
        for column, name in PRINTED[dataset].items():
            printed, exact = cells.get(column, ""), study[model].get(name, "")
            if not exact or exact == "not reached":
                assert printed in ("", "not reached")
                continue
            assert is_rounded(printed, exact), (model, column)
            assert printed.startswith("**") == exact.startswith("**"), (model, column)


@pytest.mark.parametrize(
    ("page", "counts"),
    [("README.md", "claims"), ("README.md", "activations"), ("activations/README.md", "activations")],
)
def test_verdicts_are_counted(page: str, counts: str) -> None:
    verdicts = json.loads((RESULTS / counts / "claims.json").read_text(encoding="utf-8"))
    alone, together = (Counter(each[key] for each in verdicts) for key in ("verdict", "adjusted"))
    text = " ".join((RESULTS / page).read_text(encoding="utf-8").split())
    (said,) = re.findall(rf"[Oo]f {len(verdicts)} verdicts (\d+) are reproduced, (\d+) contradicted and (\d+)", text)
    outcomes = ("reproduced", "contradicted", "inconclusive")
    assert tuple(map(int, said)) == tuple(alone[outcome] for outcome in outcomes)
    if after := re.search(rf"[Oo]f {len(verdicts)} verdicts [^.;]*; [a-z ]+, (\d+), (\d+) and (\d+)", text):
        assert tuple(map(int, after.groups())) == tuple(together[outcome] for outcome in outcomes)


def test_steps_beside_other_libraries_are_those_of_the_benchmark() -> None:
    measured: dict[tuple[str, str], str] = {}
    for line in (ROOT / "tests" / "performance" / "BENCHMARK.md").read_text(encoding="utf-8").splitlines():
        if " | 1024 | 4096 | 32 | " in line:
            step, *_, implementation, milliseconds = [cell.strip() for cell in line.strip("| ").split("|")][:6]
            measured.setdefault((step, implementation), milliseconds)
    for step, cells in rows(RESULTS / "README.md", "step").items():
        for library, cell in list(cells.items())[1:]:
            if cell:
                assert is_rounded(cell.removesuffix(" ms"), measured[STEPS[step], LIBRARIES.get(library, library)])
