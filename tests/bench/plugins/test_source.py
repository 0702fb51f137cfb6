"""What a plug-in's file says, read as text: the same as importing it, or nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.compare.columns import columns
from bench.plugins.loading import all_metrics, load_source
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, Plugin
from bench.plugins.source import class_names, metric_info
from metrics.base import metric

PLAIN = "from metrics.base import metric\nA = 'a'\n@metric(label='x', direction='max', range=A, source='s')\n"
FUNCTION = "def f(x):\n    'Doc.'\n    return 0.0\n"


def test_columns_are_those_of_the_imported_metrics() -> None:
    infos = {name: function.info for name, function in all_metrics().items()}  # type: ignore[attr-defined]
    assert {column.name: column.info for column in columns()} == infos
    assert [column.name for column in columns()] == list(METRIC_REGISTRY.plugins)


@pytest.mark.parametrize("name", DATASET_REGISTRY.plugins)
def test_class_names_are_those_of_the_imported_source(name: str) -> None:
    plugin = DATASET_REGISTRY.plugins[name]
    assert class_names(plugin) == getattr(load_source(plugin), "class_names", ())


def test_nothing_is_imported_for_them() -> None:
    code = (
        "import sys; from bench.compare.columns import columns; from bench.plugins.registry import DATASET_REGISTRY; "
        "from bench.plugins.source import class_names; assert columns(); "
        "assert None not in map(class_names, DATASET_REGISTRY.plugins.values()); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_plain_decorator_is_read(tmp_path: Path) -> None:
    def f() -> float:
        return 0.0

    expected = metric(label="x", direction="max", range="a", source="s")(f).info  # type: ignore[attr-defined]
    assert metric_info(_plugin(tmp_path, PLAIN + FUNCTION, "f")) == expected


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("'x'", "'x'.upper()") + FUNCTION,
        PLAIN.replace("label", "lable") + FUNCTION,
        PLAIN.replace("A = 'a'", "A = 'a'\nA += 'b'") + FUNCTION,
        PLAIN.replace("A = 'a'", "if len('a'):\n    A = 'a'") + FUNCTION,
        PLAIN.replace("A = 'a'", "from elsewhere import *\nA = 'a'") + FUNCTION,
        PLAIN.replace("A = 'a'", "A, B = 'a'") + FUNCTION,
        PLAIN.replace("@metric(", "@metric(**{}, ") + FUNCTION,
        PLAIN.replace("metrics.base", "elsewhere") + FUNCTION,
        PLAIN.replace("import metric", "import other as metric") + FUNCTION,
        PLAIN + "@other\n" + FUNCTION,
        PLAIN + FUNCTION + "f = other(f)\n",
        PLAIN + FUNCTION + PLAIN + FUNCTION,
        FUNCTION,
        "no python",
    ],
)
def test_what_is_not_plain_is_left_to_the_import(text: str, tmp_path: Path) -> None:
    assert metric_info(_plugin(tmp_path, text, "f")) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("class C(DatasetSource):\n    class_names = ('a', 1)\n", ("a", "1")),
        ("class B(DatasetSource):\n    class_names = ['a']\nclass C(B):\n    pass\n", ("a",)),
        ("class C(DatasetSource):\n    pass\n", ()),
        ("class C(DatasetSource):\n    class_names = None\n", ()),
        ("class C(DatasetSource):\n    class_names = tuple('ab')\n", None),
        ("class C(DatasetSource):\n    class_names: tuple\n", None),
        ("class C(DatasetSource):\n    for class_names in ('a', 'b'):\n        pass\n", None),
        ("class C(DatasetSource, Other):\n    pass\n", None),
        ("class C(C):\n    pass\n", None),
        ("@decorated\nclass C(DatasetSource):\n    class_names = ('a',)\n", None),
        ("", None),
    ],
)
def test_class_names_are_read_where_they_are_plain(body: str, expected: object, tmp_path: Path) -> None:
    text = "from bench.datasets.base import DatasetSource\n" + body
    assert class_names(_plugin(tmp_path, text, "C")) == expected


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    plugin = Plugin("f", f"{tmp_path / 'absent.py'}:f", False)
    assert metric_info(plugin) is None
    assert class_names(plugin) is None


def _plugin(folder: Path, text: str, name: str) -> Plugin:
    path = folder / "plugin.py"
    path.write_text(text, encoding="utf-8")
    return Plugin(name, f"{path}:{name}", False)
