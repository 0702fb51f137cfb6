"""Compile every kernel for a GPU that is not there, down to machine code: `python -m tests.models.parts.compiling 90`.

Triton's interpreter accepts what its compiler refuses. Prints a line of JSON for each kernel and size: its name, the
bytes that a thread keeps in memory because registers are too few, and the bytes of shared memory of a program.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from models.parts import kernels

SIZES = ((50, 1000, 784, 10), (4096, 16384, 768, 32), (33, 1001, 37, 5))
"""N, M, D and k: the models' own, those at which steps are timed, and odd ones."""


class Absent:
    """A GPU of some compute capability, as Triton's compiler asks for it."""

    def __init__(self, capability: int) -> None:
        self.capability = capability

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def launch_all(n: int, m: int, d: int, k: int) -> None:
    """Call all that launches a kernel, on tensors without memory."""
    from models.parts.kernels import atoms, bags, jump, largest, noisy, orthogonal, pursuit, sums

    x, pre, weights = torch.empty(n, d), torch.empty(n, m), torch.empty(n * k)
    dictionary, per_unit, per_sample = torch.empty(m, d), torch.empty(m), torch.empty(n)
    numbers, starts = torch.empty(n * k, dtype=torch.int64), torch.empty(m + 1, dtype=torch.int64)
    atoms.project(dictionary, dictionary)
    atoms.normalise(dictionary, 1e-12)
    bags.sums(numbers, starts, dictionary)
    bags.sums(numbers, starts, x, weights, numbers)
    bags.sums(numbers, k, dictionary, weights)
    bags.products(numbers, numbers, x, dictionary)
    bags.products(k, numbers, x, dictionary)
    jump.forward(pre, per_unit)
    jump.backward(pre, per_unit, pre, per_sample, 0.1)
    if m <= 4096:
        largest.top_k(pre, k)
    else:
        largest.top_k_of_groups(pre, numbers.view(n, k), 32, k)
    for log_variance, noise in ((pre, pre), (None, pre), (None, None)):
        noisy.sizes(pre, log_variance, noise, -6.0, 2.0)
    noisy.gradients(pre, None, per_sample, -6.0, 2.0)
    noisy.gradients(pre, pre, per_sample, -6.0, 2.0)
    orthogonal.by_residual(x, dictionary, per_sample, 1e-6, k)
    orthogonal.by_gram(x, dictionary, torch.empty(m, m), per_sample, 1e-6, k)
    for choice in ("nonnegative", "signed", "absolute"):
        pursuit.pursue(x, dictionary, torch.empty(m, m), per_sample, k, choice)
    for mask in (None, per_unit):
        sums.forward(pre, mask)
        sums.backward(pre, mask, per_sample, per_sample)


def compiled(capability: int) -> Iterator[tuple[str, Any]]:
    """Each kernel's name and what Triton made of it, at all sizes."""
    results: list[tuple[str, Any]] = []
    run = JITFunction.run

    def compile_only(self: Any, *arguments: Any, **options: Any) -> Any:
        kernel = run(self, *arguments, **options | {"warmup": True})
        results.append((self.fn.__name__, kernel))
        return kernel

    driver.set_active(Absent(capability))
    JITFunction.run = compile_only
    with torch.device("meta"):
        for size in SIZES:
            launch_all(*size)
            yield from {id(kernel): (name, kernel) for name, kernel in results}.values()
            results.clear()


def local_bytes(cubin: bytes) -> int:
    """Bytes of a thread's stack and local memory, by the disassembler that comes with Triton."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(cubin)
        usage = subprocess.run([tool, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True)
    words = [word for line in usage.stdout.splitlines() if "REG:" in line for word in line.split()]
    return sum(int(word.split(":")[1]) for word in words if word.startswith(("STACK:", "LOCAL:")))


def launched() -> set[str]:
    """Names of the kernels that some code launches, `_kernel[grid](...)`; others are functions of kernels."""
    sources = [path.read_text() for path in Path(kernels.__path__[0]).glob("*.py")]
    return {name for source in sources for name in re.findall(r"(_\w+)\[.*\]\(", source)}


def main(capability: int) -> None:
    for name, kernel in compiled(capability):
        print(json.dumps([name, local_bytes(kernel.asm["cubin"]), kernel.metadata.shared]), flush=True)
    print(json.dumps(sorted(launched())))


if __name__ == "__main__":
    main(int(sys.argv[1]))
