"""What code that is not ours does at import: it may print, and use processes; it may not end or double ours."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.plugins.importing import MAIN, import_target


def load(folder: Path, text: str, name: str = "mine.py") -> object:
    """Import a file of that text."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return import_target(str(file), "model", f"{file}:Mine")


def refusal(folder: Path, text: str) -> str:
    """What is said of a file of that text, with FOLDER for its folder."""
    with pytest.raises(BenchError) as caught:
        load(folder, text)
    return str(caught.value).replace(str(folder), "FOLDER")


def test_what_is_printed_is_noted_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = load(tmp_path, "print('hello')\nprint('again')\nMine = 3\n")
    assert getattr(module, "Mine", None) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"'{tmp_path / 'mine.py'}' printed while it was imported: 'hello'. {MAIN}\n"


def test_standard_error_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(tmp_path, "import sys\nprint('careful', file=sys.stderr)\n")
    assert capsys.readouterr() == ("", "careful\n")


def test_other_threads_go_on_printing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "import threading\nthread = threading.Thread(target=print, args=['from another thread'])\n"
        "thread.start()\nthread.join()\n"
    )
    load(tmp_path, text)
    assert capsys.readouterr() == ("from another thread\n", "")


def test_a_stream_that_a_library_keeps_goes_on_working(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "import logging, sys\nlog = logging.getLogger('mine')\nlog.propagate = False\n"
        "log.addHandler(logging.StreamHandler(sys.stdout))\nlog.warning('at import')\n"
    )
    before = sys.stdout
    load(tmp_path, text)
    assert sys.stdout is before
    assert "printed while it was imported: 'at import'" in capsys.readouterr().err
    logging.getLogger("mine").warning("later")
    assert capsys.readouterr() == ("later\n", "")
    logging.getLogger("mine").handlers.clear()


def test_imports_in_many_threads_are_whole_and_give_standard_output_back(tmp_path: Path) -> None:
    before = sys.stdout
    text = "import time\nprint('hello')\ntime.sleep(0.05)\nMine = 3\n"
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    found: list[object] = []

    def load_again() -> None:
        module = import_target(str(tmp_path / "mine.py"), "model", "mine.py:Mine")
        found.append(getattr(module, "Mine", None))

    threads = [threading.Thread(target=load_again) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 8
    assert sys.stdout is before


def test_a_plugin_that_ends_the_process_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "import sys\nsys.exit(0)\n") == (
        f"The model 'FOLDER/mine.py:Mine': 'FOLDER/mine.py' ends the process when it is imported. {MAIN}"
    )


@pytest.mark.parametrize("fork", ["os.fork()", "os.forkpty()", "import pty; pty.fork()"])
def test_a_plugin_that_forks_is_refused(fork: str, tmp_path: Path) -> None:
    process = os.getpid()
    assert refusal(tmp_path, f"import os\n{fork}\n") == f"'FOLDER/mine.py' forks when it is imported. {MAIN}"
    assert os.getpid() == process


def test_a_plugin_that_forks_in_a_thread_of_ours_is_refused(tmp_path: Path) -> None:
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(refusal(tmp_path, "import os\nos.fork()\n")))
    thread.start()
    thread.join()
    assert said == [f"'FOLDER/mine.py' forks when it is imported. {MAIN}"]


def test_other_threads_may_fork_meanwhile(tmp_path: Path) -> None:
    """As a pool of workers does, in a process of its own: this one has threads."""
    code = f"""
import os, threading, time
from bench.plugins.importing import import_target
open({str(tmp_path / "mine.py")!r}, "w").write("import time\\ntime.sleep(0.5)\\n")
thread = threading.Thread(target=import_target, args=[{str(tmp_path / "mine.py")!r}, "model", "mine.py:Mine"])
thread.start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "7\n"


def test_libraries_may_use_processes_at_import(tmp_path: Path) -> None:
    text = """
import multiprocessing, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
said = subprocess.run([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE, check=True).stdout
subprocess.run(["true"], stdout=sys.stdout, check=True)
process = multiprocessing.get_context("fork").Process(target=abs, args=[1])
process.start()
process.join()
with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
    Mine = (said, process.exitcode, pool.submit(abs, -3).result())
"""
    code = f"""
from pathlib import Path
from bench.plugins.importing import import_target
print(import_target({str(tmp_path / "mine.py")!r}, "model", "mine.py:Mine").Mine)
"""
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("(b'1\\n', 0, 3)\n", 0), done.stderr


def test_a_syntax_error_is_shown_with_its_line(tmp_path: Path) -> None:
    said = refusal(tmp_path, "import torch\nclass Mine(\n")
    assert said.splitlines()[:4] == [
        "The model 'FOLDER/mine.py:Mine' does not import:",
        '  File "FOLDER/mine.py", line 2',
        "    class Mine(",
        "              ^",
    ]
    assert said.splitlines()[-1] == "SyntaxError: '(' was never closed"


def test_an_error_is_shown_with_the_frames_of_the_plugin_alone(tmp_path: Path) -> None:
    said = refusal(tmp_path, "def ratio():\n    return 1 / 0\nratio()\n").splitlines()
    assert [line for line in said if "^" not in line and "~" not in line] == [
        "The model 'FOLDER/mine.py:Mine' does not import:",
        '  File "FOLDER/mine.py", line 3, in <module>',
        "    ratio()",
        '  File "FOLDER/mine.py", line 2, in ratio',
        "    return 1 / 0",
        "ZeroDivisionError: division by zero",
    ]


def test_a_hyperparameter_without_a_type_is_shown_with_the_remedy(tmp_path: Path) -> None:
    said = refusal(tmp_path, "from models.base import GradientConfig\nclass Mine(GradientConfig):\n    l1 = 0.1\n")
    _, place, line, error, *_, last = said.splitlines()
    assert (place, line) == ('  File "FOLDER/mine.py", line 2, in <module>', "    class Mine(GradientConfig):")
    assert "A non-annotated attribute was detected: `l1 = 0.1`" in error
    assert last == "A hyperparameter has a type: `class MyConfig(GradientConfig): l1: float = 0.1`."


def test_a_file_that_failed_is_imported_anew_when_it_is_mended(tmp_path: Path) -> None:
    refusal(tmp_path, "Mine = absent\n")
    assert getattr(load(tmp_path, "Mine = 3\n"), "Mine", None) == 3


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "absent_package.models",
            "The model 'absent_package.models:Mine' does not import: No module named 'absent_package'; "
            "give package.module:Object of an installed package, or file.py:Object.",
        ),
        (
            "bench.absent",
            "The model 'bench.absent:Mine' does not import: No module named 'bench.absent'; "
            "give package.module:Object of an installed package, or file.py:Object.",
        ),
        ("./absent.py", "No file './absent.py' for the model './absent.py:Mine'; give its path from here."),
        (
            "./mine",
            "'./mine' of the model './mine:Mine' is neither a module nor a file that ends in .py; "
            "give package.module:Object or file.py:Object.",
        ),
    ],
)
def test_what_is_not_there_is_named(target: str, message: str) -> None:
    with pytest.raises(BenchError) as caught:
        import_target(target, "model", f"{target}:Mine")
    assert str(caught.value) == message


def test_a_module_that_a_plugin_lacks_is_an_error_of_the_plugin(tmp_path: Path) -> None:
    assert refusal(tmp_path, "import absent_package\n").splitlines()[-1] == (
        "ModuleNotFoundError: No module named 'absent_package'"
    )
