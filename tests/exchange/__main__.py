"""What is exchanged with other libraries, against the libraries themselves, in their environment: `make exchange`.

Each library writes its checkpoints, and codes and reconstructions of these are compared with those of the import; each
is written in all formats that hold it, and opened again by the libraries. The models of this project are trained for a
few steps, and written as well. Prints a table; `--make` also leaves the checkpoints in `made/`, for the default suite.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from models import MODELS
from models.base import Model
from models.capabilities import Exportable
from models.exchange import NAMES, format_of, read
from models.exchange.checkpoint import Checkpoint, CheckpointError
from models.imported import Imported, ImportedPursuit
from tests.exchange.made import MADE, split
from tests.exchange.peers import LIBRARIES, D, K, M, N, opener, outputs

LIMIT = 1e-5


def main() -> int:
    """Print the table; 1 where something differs."""
    torch.set_grad_enabled(False)
    lines, worst = [], 0.0
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        for library in LIBRARIES:
            for made in library():
                here = Path(folder, made.name)
                here.mkdir()
                made.save(here)
                x = 2 * torch.randn(N, D)
                theirs = outputs(made.load(here), x)
                path, options = split(f"{here}{made.path}")
                checkpoint = read(path, options=options)
                differs = difference(ours(checkpoint, x), theirs)
                if "--make" in sys.argv:
                    keep(made.name, made.path, here, x, theirs)
                written, most = export(checkpoint, x, theirs)
                worst = max(worst, differs, most)
                lines.append(f"| {made.name} | {differs:.1e} | {written} |")
        lines += ["", "| model of this project | written for |", "|:--|:--|"]
        for name, model, x in trained():
            codes = model.encode(x)
            checkpoint = replace(model.as_checkpoint(), takes_raw=True)  # as `bench export` writes it
            written, most = export(checkpoint, x, (codes.dense(), model.decode(codes)))
            worst = max(worst, most)
            lines.append(f"| {name} | {written} |")
    print("| checkpoint of | imported | written for |\n|:--|--:|:--|")
    print("\n".join(lines))
    print(f"\nLargest difference: {worst:.1e}.")
    return worst > LIMIT


def ours(checkpoint: Checkpoint, x: Tensor) -> tuple[Tensor, Tensor]:
    """Codes and reconstructions of an imported model."""
    cls = ImportedPursuit if checkpoint.config.selection == "pursuit" else Imported
    model = cls(checkpoint.config, x.shape[1])
    model.load_state_dict(dict(checkpoint.tensors))
    codes = model.encode(x)
    return codes.dense(), model.decode(codes)


def difference(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> float:
    """The largest of codes and of reconstructions."""
    assert a[0].any(), "codes of zeros prove nothing"
    return max(float((one - other).abs().max()) for one, other in zip(a, b, strict=True))


def export(checkpoint: Checkpoint, x: Tensor, expected: tuple[Tensor, Tensor]) -> tuple[str, float]:
    """'saelens 1e-7, sparsify: cannot', and the largest difference, of what real libraries open."""
    words, most = [], 0.0
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                format_of(name).write(checkpoint, Path(folder))
            except CheckpointError:
                continue
            got = ours(read(Path(folder)), x) if name == "torch" else outputs(opener(name)(Path(folder)), x)
            most = max(most, difference(got, expected))
            words.append(f"{name} {difference(got, expected):.1e}")
    return ", ".join(words), most


def trained() -> list[tuple[str, Any, Tensor]]:
    """The models of this project that other libraries know, after a few steps, each with inputs."""
    from bench.datasets.base import Split
    from bench.execute.training import train
    from bench.plugins.loading import load_model_class
    from bench.plugins.registry import MODEL_REGISTRY

    found = []
    x = torch.rand(500, D)
    for name in MODELS:
        cls: type[Model] = load_model_class(MODEL_REGISTRY.find(name))
        if not issubclass(cls, Exportable):
            continue
        sizes = {"n_latents": M, "k": K, "batch_size": 50, "epochs": 4}
        model = cls(cls.Config(**{key: n for key, n in sizes.items() if key in cls.Config.model_fields}), D)
        with torch.enable_grad():
            train(model, Split(x, torch.zeros(500, dtype=torch.int64)), 0)
        found.append((name, model, x[:N]))
    return found


def keep(name: str, path: str, folder: Path, x: Tensor, theirs: tuple[Tensor, Tensor]) -> None:
    """Leave a checkpoint, with what its library makes of some inputs, for the default suite."""
    to = MADE / name.replace(", ", "-").replace(" ", "_")
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)
    codes, x_hat = (tensor.clone().contiguous() for tensor in theirs)
    save_file({"x": x, "codes": codes, "x_hat": x_hat}, to / "expected.safetensors", metadata={"path": path})


if __name__ == "__main__":
    sys.exit(main())
