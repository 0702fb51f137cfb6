"""The examples in the docstrings run as they stand, in an empty folder."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from contextlib import chdir

import pytest

import bench.api


def test_examples(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In one folder, one after the other, so that a run which several ask for is made once."""
    n = 0
    with chdir(tmp_path_factory.mktemp("examples")):
        for module in pkgutil.iter_modules(bench.api.__path__, "bench.api."):
            outcome = doctest.testmod(importlib.import_module(module.name))
            assert not outcome.failed, module.name
            n += outcome.attempted
    assert n >= 20
