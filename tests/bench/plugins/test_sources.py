"""Of which files a plug-in is made, said without importing it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.plugins.plugin import Plugin
from bench.plugins.sources import digest_of, origin_of

BESIDE = {
    "helper.py": "from second import two\n",
    "second.py": "",
    "unused.py": "",
    "nets/big.py": "from .small import S\n",
    "nets/small.py": "",
    "models/__init__.py": "",
    "models/net.py": "",
    "models/base.py": "",
    "numpy/data.py": "",
    "lab/__init__.py": "",
    "lab/mine.py": "from . import parts\nfrom ..helper import scale\n",
    "lab/parts/__init__.py": "from lab.parts.one import *\n",
    "lab/parts/one.py": "",
}


def lay(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files by their paths."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def files_of(folder: Path, reference: str) -> list[str]:
    return list(Plugin("Mine", reference if ".py" not in reference else f"{folder / reference}", False).files())


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        ("", []),
        ("import torch, json\nfrom models.base import Model\n", []),
        ("from helper import scale\n", ["helper.py", "second.py"]),
        ("from .helper import scale\n", ["helper.py", "second.py"]),
        ("def late():\n    try:\n        import second\n    except ImportError: pass\n", ["second.py"]),
        ("import nets.big as net\n", ["nets/big.py", "nets/small.py"]),
        ("from nets import big, absent\n", ["nets/big.py", "nets/small.py"]),
        ("from numpy import data\n", []),
        ("from models.net import Net\n", ["models/__init__.py", "models/net.py"]),
        ("from models import net\n", ["models/__init__.py", "models/net.py"]),
        ("from .models import base\n", ["models/__init__.py", "models/base.py"]),
        ("import mine\nfrom lab.mine import x\n", [n for n in BESIDE if n.startswith(("lab", "helper", "second"))]),
        ("def broken(:\n", []),
    ],
)
def test_what_a_file_imports_from_beside_it_is_of_it(text: str, beside: list[str], tmp_path: Path) -> None:
    """Nested, relative and inside functions; installed packages and this one's own rooms are not."""
    lay(tmp_path, BESIDE | {"mine.py": text})
    assert files_of(tmp_path, "mine.py:Mine") == sorted([*beside, "mine.py"])


def test_of_a_package_its_own_modules_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed, it is the package alone; where it lies in the working folder, what lies beside it too."""
    lay(tmp_path, BESIDE | {"labelled/__init__.py": "", "labelled/mine.py": "import helper\nimport labelled.more\n"})
    lay(tmp_path, {"labelled/more.py": ""})
    monkeypatch.chdir(tmp_path)
    own = ["labelled/__init__.py", "labelled/mine.py", "labelled/more.py"]
    assert files_of(tmp_path, "labelled.mine:Mine") == ["helper.py", *own, "second.py"]
    monkeypatch.syspath_prepend(str(tmp_path))
    assert files_of(tmp_path, "labelled.mine:Mine") == own
    assert files_of(tmp_path, "labelled.absent:Mine") == []


def test_what_is_read_counts_and_must_be_there(tmp_path: Path) -> None:
    lay(tmp_path, {"a/mine.py": "", "shared.txt": "x"})
    plugin = Plugin("Mine", f"{tmp_path / 'a' / 'mine.py'}:Mine", False)
    assert plugin.files(["../shared.txt"]) == {
        "mine.py": hashlib.sha256(b"").hexdigest(),
        "../shared.txt": hashlib.sha256(b"x").hexdigest(),
    }
    with pytest.raises(BenchError, match=r"'Mine' of .* declares in `reads` a file that is not there, '.*w\.pt'"):
        plugin.files(["w.pt"])


def test_a_large_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    lay(tmp_path, {"mine.py": ""})
    plugin, weights = Plugin("Mine", f"{tmp_path / 'mine.py'}:Mine", False), tmp_path / "w.pt"
    for content in (b"1" * 2**21, b"2" * (2**21 + 1)):
        weights.write_bytes(content)
        assert plugin.files(["w.pt"])["w.pt"] == hashlib.sha256(content).hexdigest()


def test_the_digest_of_several_files_is_of_their_names_and_contents() -> None:
    assert digest_of({"mine.py": "a"}) == digest_of({"other.py": "a"}) == "a"
    digests = {digest_of(each) for each in ({"a": "1", "b": "2"}, {"a": "2", "b": "1"}, {"a": "1", "c": "2"})}
    assert len(digests) == 3
    assert digest_of({"b": "2", "a": "1"}) in digests


def test_there_is_no_origin_of_what_is_not_there(tmp_path: Path) -> None:
    assert origin_of(str(tmp_path / "mine.py")) is None
    assert origin_of("absent.module") is None
