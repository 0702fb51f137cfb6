"""The notebook runs from top to bottom, and shows what it says it shows."""

from __future__ import annotations

import runpy
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import numpy as np

NOTEBOOK = Path(__file__).with_name("notebook.py")


def test_the_notebook(tmp_path: Path) -> None:
    """Of one unit a sample, each is of one centre or of a few, and adds what its samples have in common."""
    with chdir(tmp_path):
        names = runpy.run_path(str(NOTEBOOK))
    assert names["board"]._repr_html_().count("<tr>") == 4
    one, four = names["fvu"]["topk"]
    assert four < one < 0.9
    x, strongest = names["x"], names["strongest"]
    centre = x[strongest].mean(0) - x.mean(0)
    assert np.corrcoef(centre, names["adds"])[0, 1] > 0.9
    assert len(set(names["labels"][strongest])) <= 2
    assert names["measured"].value[0] > one


def test_where_it_lies_nothing_hides_what_it_imports() -> None:
    """Jupyter works in the notebook's folder, and imports from there first."""
    words = [sys.executable, "-c", "import bench, numpy; bench.run"]
    done = subprocess.run(words, cwd=NOTEBOOK.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
