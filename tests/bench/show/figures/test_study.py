"""Figures of trained runs: which are drawn, of which data, to which files."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.sparse import csr_array

from bench.datasets.base import Dataset, Split
from bench.errors import BenchError
from bench.execute import views
from bench.execute.traversing import STEPS, traversals
from bench.plugins.loading import load_trained
from bench.show.figures import curves
from bench.show.figures.command import first_of_each_row, write_figures
from bench.show.figures.files import save
from bench.show.figures.mapping import code_map, embed
from bench.show.figures.pictures import MAX_BYTES, pictures
from bench.show.figures.study import compare, draw, short_labels
from bench.store.runs import RunStore
from bench.store.spec import Record
from metrics import matrix
from metrics.dimensions import roles
from metrics.roles import roles as role_names
from models.mean import Mean, MeanConfig
from tests.bench.execute.test_run import make, only_record, plugin, run_all

UNUSED = Path("unused")
ALWAYS = {"reconstructions", "roles"}
CODED = ALWAYS | {"gamma", "density"}
SPARSE = CODED | {"atoms", "traversals", "progressive", "t-sne", "inference-k", "class-correlation", "training"}
EXPECTED = {
    "vsc-aligned": CODED | {"traversals", "t-sne", "class-correlation", "training"},
    "topk": SPARSE,
    "mp": SPARSE,
    "vae": ALWAYS | {"traversals", "t-sne", "training"},
    "pca": ALWAYS | {"atoms", "t-sne"},
    "mean": CODED,
}
# Few units, which take little time; those of the VAE family on after 20 steps already.
SETTINGS = ["topk.n_latents=64", "mp.n_latents=64", "vae.beta=0", "vsc-aligned.alpha=0.9"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """A smoke study of models that differ in what can be drawn of them."""
    root = tmp_path_factory.mktemp("runs")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so little work that threads wait for each other
    run_all(make(root, models=",".join(EXPECTED), set=SETTINGS), root)
    torch.set_num_threads(n_threads)
    return RunStore(root)


def record_of(store: RunStore, model: str) -> Record:
    return next(record for record in store.scan().records if record.spec.model == model)


@pytest.mark.parametrize("model", EXPECTED)
def test_each_model_gets_the_figures_that_apply(store: RunStore, model: str) -> None:
    figures = draw(record_of(store, model), store, UNUSED)
    assert set(figures) == EXPECTED[model]


def test_roles_of_units_are_those_that_the_metrics_count(store: RunStore, digits: Dataset) -> None:
    record = record_of(store, "vsc-aligned")
    view = views.view_of(load_trained(store, record.spec, digits), digits, digits.test)
    named, counted = role_names(views.rates(view)), roles(view.active, digits.test.labels)
    for role in ("global", "shared", "exclusive"):
        assert named.count(role) == counted[f"{role}@0.5"]
    assert named.count("dead") == counted["dead"]


def test_a_traversal_decodes_the_unit_at_its_own_quantiles(store: RunStore, digits: Dataset) -> None:
    model = load_trained(store, record_of(store, "topk").spec, digits)
    view = views.view_of(model, digits, digits.test)
    found = traversals(view, n_units=1)
    assert found is not None
    assert found.decoded.shape == (1, 1 + len(STEPS), digits.n_features)
    unit = int(found.labels[0].split(",")[0].removeprefix("unit "))
    # One unit moves a linear decoder along its atom, and along nothing else.
    change = found.decoded[0, -1] - found.decoded[0, 0]
    atom = model.atoms()[unit].detach().numpy()  # type: ignore[operator]
    assert abs(change @ atom) / np.linalg.norm(change) == pytest.approx(1, abs=1e-4)
    (sample,) = (digits.test.x.numpy() == found.x[0]).all(1).nonzero()
    assert view.active[sample[0], unit]


def test_codes_that_are_kept_sparse_give_the_same_arrays(
    store: RunStore, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_trained(store, record_of(store, "mp").spec, digits)
    dense = views.view_of(model, digits, digits.test)
    monkeypatch.setattr(matrix, "MAX_ENTRIES", 1)
    sparse = views.view_of(model, digits, digits.test)
    assert isinstance(sparse.z, csr_array)
    np.testing.assert_array_equal(views.use(dense), views.use(sparse))
    assert views.gamma_means(dense) == pytest.approx(views.gamma_means(sparse))
    first, second = traversals(dense), traversals(sparse)
    assert first is not None
    assert second is not None
    assert first.labels == second.labels
    np.testing.assert_allclose(first.decoded, second.decoded, atol=1e-6)
    codes = code_map(sparse)
    assert codes is not None
    assert codes[0].shape == (len(digits.test), 2)


def test_without_labels_there_are_figures_without_classes(store: RunStore, digits: Dataset) -> None:
    model = load_trained(store, record_of(store, "topk").spec, digits)
    unlabelled = Split(digits.test.x, torch.full_like(digits.test.labels, -1))
    view = views.view_of(model, digits, unlabelled)
    assert views.reconstructed(view)[2] == []
    assert views.gamma_means(view) is None
    assert traversals(view) is None
    assert len(views.reconstructed(view)[0]) == views.UNLABELLED_EXAMPLES


def test_a_map_is_the_same_for_the_same_points_and_none_of_a_few() -> None:
    points = np.random.default_rng(0).random((40, 5))
    first, second = embed(points), embed(points)
    assert first is not None
    assert first.shape == (40, 2)
    np.testing.assert_array_equal(first, second)
    assert embed(points[:9]) is None
    assert embed(np.ones((40, 5))) is None
    assert embed(np.arange(40.0)[:, None]) is not None


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [
        save({"density": curves.density(np.array([0.1, 0.0]))}, tmp_path / name, ("png", "pdf", "svg"))
        for name in ("a", "b")
    ]
    assert [path.name for path in paths[0]] == ["density.png", "density.pdf", "density.svg"]
    assert [path.read_bytes() for path in paths[0]] == [path.read_bytes() for path in paths[1]]
    assert b"CreationDate" not in paths[0][1].read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(path.name for path in paths[0])


@pytest.mark.parametrize("name", ["../out", "a/b", "/tmp/x", "", ".hidden"])
def test_a_figure_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="file's name"):
        save({name: curves.density(np.array([0.1]))}, tmp_path / "figures")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", EXPECTED)
def test_pictures_are_small_pngs(store: RunStore, digits: Dataset, model: str) -> None:
    sheets, failed = pictures(load_trained(store, record_of(store, model).spec, digits), digits)
    assert failed == {}
    assert set(sheets) == EXPECTED[model] & {"reconstructions", "atoms", "traversals"}
    for content in sheets.values():
        assert len(content) <= MAX_BYTES
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "PNG"
            assert image.mode == "P"


@pytest.mark.parametrize("shape", [(28, 28), (784,)])
def test_pictures_of_noise_are_small_too(shape: tuple[int, ...]) -> None:
    x = torch.rand(60, 784)
    split = Split(x, torch.arange(60) % 20)
    dataset = Dataset(split, split, split, shape, tuple(map(str, range(20))))
    model = Mean(MeanConfig(n_latents=1), 784)
    ((content,), _) = (found.values() for found in pictures(model, dataset))
    assert len(content) <= MAX_BYTES


def test_a_sheet_that_cannot_be_drawn_costs_no_other_and_no_number(tmp_path: Path) -> None:
    too_few = "def atoms(self): return torch.ones(3, 64)"
    reference = plugin(tmp_path, "total = self.bias.square().sum()", more=too_few)
    run_all(make(tmp_path / "runs", models=reference), tmp_path / "runs")
    record = only_record(tmp_path / "runs")
    assert record.status == "done"
    assert "fvu" in record.metrics
    assert list(record.provenance["undrawn"]) == ["atoms"]
    assert record.provenance["undrawn"]["atoms"].startswith("IndexError: ")
    assert set(RunStore(tmp_path / "runs").read_pictures(record.run_id)) == {"reconstructions"}


def test_a_board_is_compared_by_its_fronts_and_budgets(store: RunStore) -> None:
    figures = compare(store.scan().records)
    assert set(figures) == {"pareto-fvu", "pareto-probe-accuracy", "pareto-class-purity", "inference-k"}
    assert compare(store.scan().records[:1]) == {}


def test_labels_tell_only_what_differs(store: RunStore) -> None:
    topk = record_of(store, "topk")
    runs = [
        topk.model_copy(update={"spec": topk.spec.model_copy(update={"variant": {"k": k, "epochs": 3}})})
        for k in (5, 10)
    ]
    assert short_labels([*runs, record_of(store, "mp")]) == ["topk k=5", "topk k=10", "mp"]


def test_runs_that_cannot_be_drawn_say_why(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_of(store, "topk")
    with pytest.raises(BenchError, match="status 'failed'"):
        draw(record.model_copy(update={"status": "failed"}), store, UNUSED)
    with pytest.raises(BenchError, match=r"weights .* cannot be read"):
        draw(record, RunStore(tmp_path), UNUSED)
    changed = record.spec.model_copy(update={"dataset_checksum": "other"})
    with pytest.raises(BenchError, match="are not those of"):
        draw(record.model_copy(update={"spec": changed}), store, UNUSED)
    with pytest.raises(BenchError, match="No runs that are done"):
        first_of_each_row(RunStore(tmp_path))
    with pytest.raises(BenchError, match="Unknown run"):
        write_figures(["nothing"], store, tmp_path, UNUSED, print)
    assert list(tmp_path.iterdir()) == []


def test_by_default_the_lowest_seed_of_each_row(store: RunStore) -> None:
    assert sorted(record.spec.model for record in first_of_each_row(store)) == sorted(EXPECTED)


def test_a_class_that_does_not_occur_is_not_named(digits: Dataset) -> None:
    some = digits.test.take((digits.test.labels == 3).nonzero().flatten())
    view = views.view_of(Mean(MeanConfig(), 64), replace(digits, test=some), some)
    assert view.names == ["3"]


def test_the_verb(store: RunStore, tmp_path: Path) -> None:
    run_id = record_of(store, "mp").run_id
    command = [sys.executable, "-m", "bench", "figures", run_id, "--results", str(store.root), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in (tmp_path / run_id).glob("*.pdf")} == SPARSE
    assert f"{2 * len(SPARSE)} files in {tmp_path}" in done.stdout
