"""Training steps on a machine that has other work: `python -m tests.performance.busy`, five minutes on quiet cores.

Prints, for ways to use all cores, the milliseconds of a step of a VAE and of a TopK SAE in their own settings on inputs
of MNIST's size, alone and beside processes that never rest. Where several runs go on at a time, it is the time until
any of them has done a step: half of each one's own where there are two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

D = 784
MODELS = {"vae": "models.vae:VAE", "topk": "models.topk:TopK"}
COMPANY = (0, 2, 8)
"""Busy processes beside the runs."""
SPINS = (0, 1_000, 10_000, 100_000, 1_000_000)
WARM_STEPS, SECONDS = 20, 3.0
CORES = len(os.sched_getaffinity(0))
ROOT = Path(__file__).parents[2]


class Setting(NamedTuple):
    """A way to use the cores."""

    label: str
    runs: int
    threads: int
    environment: dict[str, str]


SETTINGS = (
    Setting(f"1 run of {CORES} threads, torch's own", 1, CORES, {}),
    Setting(f"1 run of {CORES} threads, passive", 1, CORES, {"OMP_WAIT_POLICY": "PASSIVE"}),
    *(Setting(f"1 run of {CORES} threads, {n:,} spins", 1, CORES, {"GOMP_SPINCOUNT": str(n)}) for n in SPINS),
    Setting("1 run of 1 thread", 1, 1, {}),
    Setting(f"{CORES} runs of 1 thread", CORES, 1, {}),
)


def main() -> None:
    """Measure and print a row for each setting."""
    columns = [f"{model}, {f'beside {n}' if n else 'alone'}" for model in MODELS for n in COMPANY]
    print(f"{CORES} cores, load {os.getloadavg()[0]:.1f} before; ms a step\n")
    print("| | " + " | ".join(columns) + " |\n|:--|" + "--:|" * len(columns))
    for setting in SETTINGS:
        with trainers(setting) as processes:
            cells = [f"{step_ms(processes, model, n):.1f}" for model in MODELS for n in COMPANY]
        print(f"| {setting.label} | " + " | ".join(cells) + " |", flush=True)


@contextmanager
def trainers(setting: Setting) -> Iterator[list[subprocess.Popen[str]]]:
    """A process for each run of a setting, ready to take steps."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, "-m", "tests.performance.busy", str(setting.threads)]
    processes = [
        subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=clean | setting.environment, cwd=ROOT)
        for _ in range(setting.runs)
    ]
    try:
        for process in processes:
            answer(process)
        yield processes
    finally:
        end(processes)


def step_ms(processes: Sequence[subprocess.Popen[str]], model: str, n_beside: int) -> float:
    """Milliseconds until any of the runs has done a step."""
    company = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n_beside)]
    try:
        time.sleep(0.5)
        for process in processes:
            assert process.stdin
            print(model, file=process.stdin, flush=True)
        return 1000 / sum(answer(process) for process in processes)
    finally:
        end(company)


def answer(process: subprocess.Popen[str]) -> float:
    """The next number that a process prints."""
    assert process.stdout
    return float(json.loads(process.stdout.readline()))


def end(processes: Sequence[subprocess.Popen[str]] | Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes of our own."""
    for process in processes:
        process.kill()
        process.wait()


def serve(threads: int) -> None:
    """A run: for each name of a model that is read, the steps a second that it comes to."""
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    steps = {name: trained(target) for name, target in MODELS.items()}
    for step in steps.values():
        for _ in range(WARM_STEPS):
            step()
    print(0.0, flush=True)
    for name in sys.stdin:
        step, n_steps, start = steps[name.strip()], 0, time.perf_counter()
        while (now := time.perf_counter()) < start + SECONDS or not n_steps:
            step()
            n_steps += 1
        print(n_steps / (now - start), flush=True)


def trained(target: str) -> Callable[[], object]:
    """One step of training of a model in its own setting, as `bench.execute.training` does it."""
    import torch

    from bench.execute.training import _step

    module, _, name = target.partition(":")
    cls = getattr(import_module(module), name)
    model = cls(cls.Config(), D)
    x = torch.rand(model.config.batch_size, D, generator=torch.Generator().manual_seed(0)) ** 4
    labels = torch.zeros(len(x), dtype=torch.int64)
    model.prepare(x, labels)
    optimiser = torch.optim.Adam(model.parameters(), lr=model.config.learning_rate, fused=True)
    return lambda: _step(model, optimiser, x, labels, 0.5)


if __name__ == "__main__":
    serve(int(sys.argv[1])) if len(sys.argv) > 1 else main()
