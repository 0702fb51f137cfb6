"""Training steps of this repository beside those of five peer libraries: `make benchmark`.

Every measurement is a process of its own; the implementations of one size run right after another, in two rounds, and
the lower of a row's two medians counts: what else a machine does only ever adds time. `--only TopK` measures one
section, `--quick` one small size once; both leave BENCHMARK.md alone.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from tests.performance.measure import mnist_folder
from tests.performance.steps import BUILDERS

ROUNDS = 2
LIMIT = 120
"""Seconds that a measurement may take, imports included; after half of them it is not repeated."""
REPORT = Path(__file__).with_name("BENCHMARK.md")
PEERS = ("overcomplete", "sae-lens", "dictionary-learning", "eai-sparsify", "pythae")

SIZES = [(256, 1024, 32), (1024, 1024, 32), (1024, 4096, 32), (1024, 16384, 32)]
SECTIONS = {"TopK": SIZES, "MP": SIZES, "OMP": [(256, 1024, 16), *SIZES], "VAE epoch": [(64, 20, 0)]}
GROWTH = [
    ("TopK", (1024, 2048, 32), (1024, 4096, 32)),
    ("TopK", (1024, 4096, 32), (1024, 8192, 32)),
    ("TopK", (1024, 4096, 32), (2048, 4096, 32)),
    ("TopK", (1024, 4096, 32), (1024, 4096, 64)),
    ("MP", (1024, 2048, 32), (1024, 4096, 32)),
    ("MP", (1024, 4096, 32), (1024, 8192, 32)),
    ("MP", (1024, 4096, 32), (2048, 4096, 32)),
    ("MP", (1024, 4096, 32), (1024, 4096, 64)),
]
"""Two sizes that differ in M, in N or in k: the second's ratio is the growth."""

NOTES = """\
- ms: one training step (forward, backward, optimiser, and what keeps atoms on the sphere), or one VAE epoch of 55,000
  images; the lower of two rounds' medians. ratio: to the first row of the block, so above 1 is slower than it.
- peak MB: largest resident memory during the steps, less that before model and data were built (after all imports).
- FVU: of the codes of one batch, over a dictionary of M other training images, the same for all; our coefficients are
  of either sign, overcomplete's are not negative and approximate (ten gradient steps).
- Fused Adam for all, but in the row "pythae": its trainer's default. Gradient clipping, firing statistics and rate
  schedules as in each peer's own trainer; AuxK and other dead-unit terms sleep at the first steps, for all. One batch,
  used again and again; float32 on CPU. In a VAE row, N is the batch size.
"""


class Case(NamedTuple):
    """One row: N samples (of a batch), M latents, k active units."""

    step: str
    implementation: str
    n: int
    m: int
    k: int


def plan(quick: bool) -> dict[str, list[list[Case]]]:
    """Blocks of rows by section; the rows of a block are compared with its first."""
    if quick:
        return {step: [beside(step, (64, 256, 8))] for step in ("TopK", "MP", "OMP")}
    sections = {step: [beside(step, size) for size in sizes] for step, sizes in SECTIONS.items()}
    sections["Growth"] = [[Case(step, "ours", *size) for size in sizes] for step, *sizes in GROWTH]
    return sections


def beside(step: str, size: tuple[int, int, int]) -> list[Case]:
    """All implementations of a step at one size."""
    return [Case(*key, *size) for key in BUILDERS if key[0] == step]


def measure(case: Case) -> dict[str, Any]:
    """What the process of a row printed, or why there is nothing, as ``{"failure": ...}``."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.performance.measure", *map(str, case)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    start = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment)
    except subprocess.TimeoutExpired:
        return {"failure": f"over {LIMIT} s"}
    if done.returncode:
        return {"failure": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:100]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    first, last = result["losses"]
    if not last <= first:  # equal after a single step
        return {"failure": f"loss rose from {first:.4g} to {last:.4g}"}
    return {**result, "slow": time.monotonic() - start > LIMIT / 2}


def measure_block(cases: list[Case], rounds: int) -> list[dict[str, Any]]:
    """The best of each row's rounds, in turn; a row that failed or is slow is not repeated."""
    results: list[dict[str, Any]] = [{} for _ in cases]
    for _ in range(rounds):
        for i, case in enumerate(cases):
            if "failure" in results[i] or results[i].get("slow"):
                continue
            result = measure(case)
            if not results[i] or result.get("ms", 0) < results[i]["ms"]:
                results[i] = result
            print(*case, result.get("failure") or f"{result['ms']:.2f} ms", file=sys.stderr, flush=True)
    return results


def table(cases: list[Case], results: list[dict[str, Any]]) -> list[str]:
    """Markdown rows of a block."""
    lines = []
    for case, result in zip(cases, results, strict=True):
        cells = [case.step, *map(str, case[2:]), case.implementation]
        if "failure" in result:
            cells += [result["failure"], "", "", ""]
        else:
            ratio = f"{result['ms'] / results[0]['ms']:.2f}" if "ms" in results[0] else ""
            cells += [f"{result['ms']:.2f}", ratio, f"{result['mb']:.0f}"]
            cells += [f"{result['fvu']:.4f}" if "fvu" in result else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def machine() -> str:
    """Processor, cores and memory."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = int(_lines("/proc/meminfo")[0].split()[1]) / 2**20
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def header(threads: int) -> list[str]:
    """Where and with what the table was made."""
    data = "MNIST training images" if mnist_folder() else "seeded noise (no MNIST at BENCH_DATA_DIR)"
    versions = ", ".join(f"{name} {_version(name)}" for name in PEERS)
    return [
        "# Training steps beside other libraries",
        "",
        f"`make benchmark`, {datetime.date.today()}; {machine()}; {threads} threads; inputs: {data}, D = 784.",
        f"Python {platform.python_version()}, torch {version('torch')}; {versions}.",
        "",
        NOTES,
    ]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one section: TopK, MP, OMP, 'VAE epoch' or Growth")
    parser.add_argument("--quick", action="store_true", help="one small size, one round, no VAE")
    arguments = parser.parse_args()
    lines, threads = [], 0
    for section, blocks in plan(arguments.quick).items():
        if arguments.only not in (None, section):
            continue
        lines += [f"## {section}", "", "| step | N | M | k | implementation | ms | ratio | peak MB | FVU |"]
        lines += ["|---|---:|---:|---:|---|---:|---:|---:|---:|"]
        for cases in blocks:
            results = measure_block(cases, 1 if arguments.quick else ROUNDS)
            threads = max([threads, *(result.get("threads", 0) for result in results)])
            lines += table(cases, results)
        lines.append("")
    report = "\n".join([*header(threads), *lines])
    print(report)
    if not (arguments.only or arguments.quick):
        REPORT.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
