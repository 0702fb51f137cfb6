"""What can be said of plug-ins without importing them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.plugins.loading import load_metric
from bench.plugins.registry import METRIC_REGISTRY


@pytest.mark.parametrize("name", METRIC_REGISTRY.builtins)
def test_what_a_file_declares_is_what_the_metric_says(name: str) -> None:
    plugin = METRIC_REGISTRY.find(name)
    info = load_metric(plugin).info
    declared = plugin.declared()
    declared.pop("validation", None)  # says when it is computed, not how it is read
    assert declared == {word: getattr(info, word) for word in declared}
    assert {"label", "direction", "range", "source"} <= declared.keys()
    assert plugin.summary() == info.explanation
    assert plugin.family == info.family


def test_a_list_imports_no_torch_and_takes_half_a_second() -> None:
    """Seconds of the processor, in the best of three: others may use the machine."""
    code = (
        "import sys, time\nfrom bench.cli.app import main\n"
        "try: main()\nfinally: print('torch' in sys.modules, time.process_time())"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code, "list"], capture_output=True, text=True, timeout=120, check=True
        )
        imported, taken = done.stdout.split()[-2:]
        assert imported == "False"
        seconds.append(float(taken))
    assert min(seconds) < 0.5
