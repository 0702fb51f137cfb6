"""What the harness itself costs: `make performance`, or `python -m tests.performance.harness` (needs MNIST).

Prints the share of a whole command that is neither training nor evaluation: imports, loading, planning, writing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def harness_share() -> tuple[float, float]:
    """Whole seconds of `run --models all --datasets mnist --seeds 1`, and those outside training and evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench", "run", "--models", "all", "--datasets", "mnist", "--seeds", "1"]
        start = time.perf_counter()
        subprocess.run([*command, "--results", folder], check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        records = [json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob("*/record.json")]
    arithmetic = sum(record["timings"]["train"] + record["timings"]["evaluate"] for record in records)
    return whole, whole - arithmetic


def main() -> None:
    """Measure and print."""
    whole, harness = harness_share()
    print(
        f"run --models all --datasets mnist --seeds 1: {whole:.0f} s, harness {harness:.1f} s = {harness / whole:.1%}"
    )


if __name__ == "__main__":
    main()
