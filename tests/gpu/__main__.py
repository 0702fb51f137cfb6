"""`python -m tests.gpu`: the tests that need a GPU, or a line that says that there is none."""

from __future__ import annotations

import sys

import pytest
import torch


def main() -> int:
    """Run them; exit status 0 where there is no GPU."""
    if not torch.cuda.is_available():
        print("not run: this machine has no GPU that torch can use")
        return 0
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    return pytest.main(["tests/gpu", "-m", "gpu", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
