"""Figures to files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bench.show.figures import curves
from bench.show.figures.files import FORMATS, save


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [
        save({"density": partial(curves.over_units, np.array([0.1, 0.0]), "density")}, tmp_path / name, FORMATS)
        for name in ("a", "b")
    ]
    assert [path.name for path in paths[0]] == ["density.png", "density.pdf", "density.svg"]
    assert [path.read_bytes() for path in paths[0]] == [path.read_bytes() for path in paths[1]]
    assert b"CreationDate" not in paths[0][1].read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(path.name for path in paths[0])


@pytest.mark.parametrize("name", ["../out", "a/b", "/tmp/x", "", ".hidden"])
def test_a_figure_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="file's name"):
        save({name: partial(curves.over_units, np.array([0.1]), "density")}, tmp_path / "figures", ("png",))
    assert list(tmp_path.iterdir()) == []
