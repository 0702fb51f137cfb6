"""Files of people's own, imported: each finds what lies beside it, and nobody else does."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from bench.errors import BenchError
from bench.plugins.importing import import_target
from tests.bench.plugins.test_sources import lay


def load(file: Path) -> ModuleType:
    return import_target(str(file), "model", f"{file}:Mine")


def refusal(file: Path) -> str:
    """The last lines of what is said of a file that does not import."""
    with pytest.raises(BenchError) as caught:
        load(file)
    return str(caught.value).replace(str(file.parent), "FOLDER")


def test_two_folders_may_each_have_a_helper(tmp_path: Path) -> None:
    text = "import helper\nfrom nets.big import B\ndef late():\n    from later import L\n    return L\n"
    for n, lab in enumerate(("a", "b")):
        lay(tmp_path / lab, {"mine.py": text, "helper.py": f"N = {n}\n", "nets/big.py": f"B = {n}\n"})
        lay(tmp_path / lab, {"later.py": f"L = {n}\n"})
    mine = [load(tmp_path / lab / "mine.py") for lab in ("a", "b")]
    assert [(each.helper.N, each.B, each.late()) for each in mine] == [(0, 0, 0), (1, 1, 1)]
    assert not {"helper", "nets", "later"} & sys.modules.keys()
    assert not list(tmp_path.glob("**/__pycache__"))


def test_folders_of_our_names_hide_nothing_of_ours_and_are_found(tmp_path: Path) -> None:
    lay(tmp_path, {"models/__init__.py": "", "models/base.py": "Mine = 1\n", "models/net.py": "import models.base\n"})
    lay(tmp_path, {"metrics.py": "raise ValueError\n"})
    lay(tmp_path, {"mine.py": "from models.base import Model\nfrom models import net\nimport metrics.base\n"})
    mine = load(tmp_path / "mine.py")
    assert mine.Model is sys.modules["models.base"].Model
    assert mine.net.__file__ == str(tmp_path / "models" / "net.py")
    assert mine.metrics is sys.modules["metrics"]
    lay(tmp_path, {"theirs.py": "from models.base import Mine\n", "well.py": "from .models.base import Mine\n"})
    assert refusal(tmp_path / "theirs.py").endswith(
        "\n'models.base' is this package's own; to import yours, write `from .models.base import ...`."
    )
    assert load(tmp_path / "well.py").Mine == 1


def test_an_edit_of_what_lies_beside_is_imported_anew(tmp_path: Path) -> None:
    """Within one second and of one size, which byte code would not tell."""
    lay(tmp_path, {"mine.py": "from . import helper\n", "helper.py": "N = 1\n"})
    first = load(tmp_path / "mine.py")
    assert load(tmp_path / "mine.py") is first
    lay(tmp_path, {"helper.py": "N = 2\n"})
    assert load(tmp_path / "mine.py").helper.N == 2


def test_a_module_whose_name_is_made_up_is_refused(tmp_path: Path) -> None:
    """An edit of it would be seen by nobody."""
    text = "import importlib\nimportlib.import_module('.' + 'helper', __package__)\n"
    lay(tmp_path, {"mine.py": text, "helper.py": "", "other.py": "__import__('importlib').import_module('helper')\n"})
    assert refusal(tmp_path / "other.py").endswith(
        "ModuleNotFoundError: No module named 'helper'\n"
        "'helper' lies beside it, and is found by import statements alone, anywhere in the file."
    )
    assert refusal(tmp_path / "mine.py").endswith(
        "ImportError: 'FOLDER/helper.py' is imported by a name that is made up as the code runs, so that an edit of it "
        "would go unnoticed; write it as `import helper`, which may stand inside a function"
    )


@pytest.mark.parametrize("statement", ["from ..helper import scale", "from lab.parts import scale"])
def test_a_file_of_a_package_is_named_as_one(statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, {"helper.py": "scale = 2\n", "lab/parts.py": "scale = 2\n", "lab/mine.py": f"{statement}\n"})
    assert refusal(tmp_path / "lab" / "mine.py").endswith(
        "\nA file stands alone: to import from the folders above it, give package.module:Object from up there."
    )
    monkeypatch.chdir(tmp_path)
    assert import_target("lab.mine", "model", "lab.mine:Mine").scale == 2


def test_what_is_not_there_is_called_as_it_was_written(tmp_path: Path) -> None:
    lay(tmp_path, {"mine.py": "from .helpr import scale\n", "other.py": "import nets.absent\n", "nets/big.py": ""})
    assert refusal(tmp_path / "mine.py").endswith("ModuleNotFoundError: No module named 'helpr'")
    assert refusal(tmp_path / "other.py").endswith("ModuleNotFoundError: No module named 'nets.absent'")
