"""`bench.load`: a trained model, on data in the units that they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench import RESULTS
from bench.api.arguments import data_folder, names_in, results_folder
from bench.api.arrays import inputs, kept_as
from bench.datasets.base import Dataset
from bench.datasets.scaling import Scaling
from bench.errors import BenchError
from bench.execute.assess import noise_seed
from bench.execute.build import load_data, load_trained, require_trained, trusted_spec
from bench.execute.dispatch import choose_device
from bench.execute.outputs import BATCH_SIZE
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY
from bench.store.runs import RunStore
from models.base import Model
from models.parts.sparse import codes_like


@dataclass(frozen=True, repr=False)
class Trained:
    """A trained model with the normalisation of its data inside: it takes and returns the data's own units."""

    name: str
    """What boards call it."""
    model: Model
    """The model itself, in evaluation mode; of inputs as they are after the normalisation."""
    scaling: Scaling | None
    """The normalisation; None where the data are taken as they are."""
    data: Dataset | None = None
    """What it was trained on, normalised; None where that was not kept."""
    noise: int = 0
    """Seed of the noise of stochastic metrics."""

    def __repr__(self) -> str:
        how = f", inputs {self.scaling}" if self.scaling else ""
        return f"<{self.name}: {self.n_features} features, {self.n_latents} latents{how}>"

    @property
    def n_features(self) -> int:
        """D, the length of a flattened input."""
        return self.model.n_features

    @property
    def n_latents(self) -> int:
        """M, the number of units."""
        return int(self.model.config.n_latents)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next((value.device for value in self.model.state_dict().values()), torch.device("cpu"))

    @torch.no_grad()
    def encode(self, x: ArrayLike) -> np.ndarray:
        """Codes (N, M) of inputs (N, ...), with exact zeros where a unit is off.

        Raises BenchError for inputs of another width, with NaN, or that the model does not take.
        """
        parts = self.normalised(x).split(BATCH_SIZE)
        return np.concatenate([self.model.encode(part).dense().numpy(force=True) for part in parts])

    @torch.no_grad()
    def decode(self, codes: ArrayLike) -> np.ndarray:
        """Reconstructions (N, D) of codes (N, M). BenchError for codes of another width, or with NaN."""
        z = inputs(codes).to(self.device)
        if z.shape[1] != self.n_latents or not z.isfinite().all():
            raise BenchError(f"codes have the shape {tuple(z.shape)}; expected finite numbers (N, {self.n_latents}).")
        form = self.model.encode(torch.zeros(1, self.n_features, device=self.device))
        x_hat = torch.cat([self.model.decode(codes_like(form, part)) for part in z.split(BATCH_SIZE)])
        return (self.scaling.undone(x_hat) if self.scaling else x_hat).numpy(force=True)

    def normalised(self, x: ArrayLike) -> Tensor:
        """Inputs (N, D) as the model itself takes them. BenchError for what it does not take."""
        values = inputs(x)
        try:
            if values.shape[1] == self.n_features and self.scaling:
                values = self.scaling.of(values.cpu())
            self.model.require_inputs(values)
        except ValueError as error:
            raise BenchError(f"{self.name} does not take these inputs: {error}.") from error
        return values.to(self.device)


def load(
    run: str | Path,
    results: Path | str = RESULTS,
    *,
    models: str | Path | Sequence[str | Path] = (),
    datasets: str | Path | Sequence[str | Path] = (),
    data_dir: Path | str | None = None,
    device: str = "cpu",
) -> Trained:
    """The model that a run trained.

    Parameters
    ----------
    run : str or Path
        A run id, or the start or end of one, that no other has; or the run's folder, as a Path.
    results, data_dir : path
        Folder of the runs; folder of data sets, by default BENCH_DATA_DIR, else `data`.
    models, datasets : str, Path or sequence of them
        Where the run's model or data set is somebody's own: what it may import, "my_model.py:MySAE", or read,
        "acts.npy".
    device : str
        "auto", "cpu" or "cuda".

    Raises
    ------
    BenchError
        There is no such run, it is not trained, or its data or its code are not what they were.

    Examples
    --------
    >>> import bench, numpy
    >>> x = numpy.random.default_rng(0).standard_normal((300, 8))
    >>> request = dict(seeds=2, budget="smoke", metrics="fvu,l0", results="own", verbose=False)
    >>> table = bench.run("topk,pca", {"mine": x}, set={"topk.k": [2, 4]}, **request)
    >>> model = bench.load(table.run[0], "own")
    >>> codes = model.encode(x)
    >>> codes.shape, model.decode(codes).shape
    ((300, 1000), (300, 8))
    """
    if isinstance(run, Path):
        folder = run.absolute()
        run, results = folder.name, folder.parent
    store = RunStore(results_folder(results))
    if not isinstance(run, str):
        raise BenchError(f"run is {type(run).__name__}: give the id of one, such as table.run[0].")
    record = store.find(run)
    require_trained(record)
    own = [*names_in(datasets), *kept_as(record.spec.dataset, store.root)]
    spec = trusted_spec(record.spec, MODEL_REGISTRY.choose(names_in(models)), DATASET_REGISTRY.choose(own))
    dataset = load_data(spec, data_folder(data_dir))
    model = load_trained(store.folder(record.run_id), spec, dataset).to(choose_device(str(device)))
    return Trained(spec.label, model, dataset.scaling, dataset, noise_seed(spec))
