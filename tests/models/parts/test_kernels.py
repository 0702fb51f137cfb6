"""The kernels of a GPU, by Triton's interpreter, beside the torch code that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from models.parts import kernels
from models.parts.orthogonal_pursuit import DEPENDENT, factors
from models.parts.pursuit import Choice, pursue

pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="`make test-gpu` runs them on the GPU")


@pytest.mark.parametrize(("n_bags", "n_rows", "width"), [(1, 1, 1), (5, 7, 33), (3, 2, 1030)])
def test_sums_and_products_of_gathered_rows(n_bags: int, n_rows: int, width: int) -> None:
    """Bags of any length, an empty one and an end before the last entry included."""
    from models.parts.kernels import bags

    lengths = torch.arange(n_bags) * 2
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    n_entries = int(starts[-1]) + 3
    rows, weights = torch.randint(0, n_rows, (n_entries,)), torch.randn(n_entries)
    dense, other = torch.randn(n_rows, width), torch.randn(n_bags, width)
    used = int(starts[-1])
    bags_of = {"offsets": starts[:-1], "mode": "sum"}
    expected = F.embedding_bag(rows[:used], dense, per_sample_weights=weights[:used], **bags_of)
    torch.testing.assert_close(bags.sums(rows, starts, dense, weights), expected, rtol=1e-5, atol=1e-5)
    order = torch.randperm(n_entries)
    shuffled = torch.empty_like(weights).index_put_((order,), weights)
    torch.testing.assert_close(bags.sums(rows, starts, dense, shuffled, order), expected, rtol=1e-5, atol=1e-5)
    unweighted = F.embedding_bag(rows[:used], dense, **bags_of)
    torch.testing.assert_close(bags.sums(rows, starts, dense), unweighted, rtol=1e-5, atol=1e-5)
    others = torch.randint(0, n_bags, (n_entries,))
    products = bags.products(others, rows, other, dense)
    torch.testing.assert_close(products, (other[others] * dense[rows]).sum(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("n_bags", "length", "n_rows", "width"), [(1, 1, 1, 1), (5, 3, 7, 33), (3, 20, 2, 1030)])
def test_sums_and_products_where_all_bags_are_alike(n_bags: int, length: int, n_rows: int, width: int) -> None:
    from models.parts.kernels import bags

    rows, weights = torch.randint(0, n_rows, (n_bags, length)), torch.randn(n_bags, length)
    dense, other = torch.randn(n_rows, width), torch.randn(n_bags, width)
    expected = (weights[..., None] * dense[rows]).sum(1)
    sums = bags.sums(rows.flatten(), length, dense, weights.flatten())
    torch.testing.assert_close(sums, expected, rtol=1e-5, atol=1e-5)
    products = bags.products(length, rows.flatten(), other, dense)
    inner = (dense[rows] * other[:, None]).sum(2)
    torch.testing.assert_close(products.view(n_bags, length), inner, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("choice", ["nonnegative", "signed", "absolute"])
@pytest.mark.parametrize(("n", "m", "d", "k"), [(1, 1, 3, 2), (4, 5, 7, 5), (3, 37, 12, 20), (2, 64, 8, 3)])
def test_pursuit_takes_the_same_atoms(choice: Choice, n: int, m: int, d: int, k: int) -> None:
    """With k = M, sizes that are no powers of two, atoms that occur twice, and a sample that is zero."""
    from models.parts.kernels import pursuit as fast

    generator = torch.Generator().manual_seed(0)
    atoms = F.normalize(torch.randn(m, d, generator=generator), dim=1)
    atoms[m // 2] = atoms[0]
    residual = torch.randn(n, d, generator=generator)
    residual[0] = 0
    gram = atoms @ atoms.T
    values, indices = pursue(residual, atoms, k, gram, choice)
    rounding = 10 * torch.finfo(torch.float32).eps * residual.norm(dim=1)
    ours, chosen = fast.pursue(residual, atoms, gram, rounding, k, choice)
    torch.testing.assert_close(ours, values, rtol=1e-5, atol=1e-6)
    same = torch.where(chosen == m // 2, 0, chosen) == torch.where(indices == m // 2, 0, indices)
    assert same[values != 0].all()


@pytest.mark.parametrize(("m", "d"), [(1, 1), (5, 7), (3, 130)])
def test_atoms_rotate_and_keep_their_norm(m: int, d: int) -> None:
    from models.parts.kernels import atoms as fast

    atoms, gradient = torch.randn(m, d), torch.randn(m, d)
    atoms[0] = 0
    unit = F.normalize(atoms, dim=1)
    expected = gradient - (gradient * unit).sum(1, keepdim=True) * unit
    assert fast.normalise(atoms, 1e-12)
    torch.testing.assert_close(atoms, unit)
    assert fast.project(gradient, atoms)
    torch.testing.assert_close(gradient, expected)
    assert (atoms[0] == 0).all()


@pytest.mark.parametrize(("n", "m", "k"), [(1, 1, 1), (3, 7, 7), (5, 37, 4), (4, 100, 1), (3, 1000, 10), (2, 64, 64)])
@pytest.mark.parametrize("kind", ["normal", "zeros", "ties", "infinite", "nan"])
def test_the_largest_of_rows(n: int, m: int, k: int, kind: str) -> None:
    from models.parts.kernels import largest

    scores = torch.randn(n, m)
    if kind == "zeros":
        scores = scores.relu()
    elif kind == "ties":
        scores = torch.randint(-2, 3, (n, m)).float()
    elif kind == "infinite":
        scores[0], scores[-1, 0] = -torch.inf, torch.inf
    elif kind == "nan":
        scores[0, m // 2], scores[-1, -1] = torch.nan, -torch.tensor(torch.nan)
    values, columns = largest.top_k(scores, k)
    same = partial(torch.testing.assert_close, rtol=0, atol=0, equal_nan=True)
    same(values.sort(descending=True).values, scores.topk(k).values)
    same(scores.gather(1, columns), values)
    assert (columns.diff() > 0).all(), "no column twice"


@pytest.mark.parametrize("by_gram", [True, False])
@pytest.mark.parametrize(
    ("n", "m", "d", "k"), [(1, 1, 3, 1), (4, 5, 7, 5), (3, 37, 12, 20), (5, 12, 30, 12), (3, 5000, 3, 3)]
)
def test_orthogonal_pursuit_takes_the_same_atoms(by_gram: bool, n: int, m: int, d: int, k: int) -> None:
    """With k = M, more atoms than are read at a time, odd sizes, an atom twice, one that is the sum of two, a sample of
    zeros, and one near the last atom."""
    from models.parts.kernels import orthogonal as fast

    generator = torch.Generator().manual_seed(0)
    atoms = torch.randn(m, d, generator=generator)
    atoms[m // 2] = atoms[0]
    atoms[m // 3] = atoms[0] + atoms[-1]
    atoms = F.normalize(atoms, dim=1)
    residual = torch.randn(n, d, generator=generator)
    residual[0] = 0
    residual[-1] = atoms[-1] + 0.1 * residual[-1]
    gram = atoms @ atoms.T if by_gram else None
    epsilon = torch.finfo(torch.float32).eps
    limits = 10 * epsilon * residual.norm(dim=1), DEPENDENT * epsilon
    if gram is None:
        lower, along, indices = fast.by_residual(residual, atoms, *limits, k)
    else:
        lower, along, indices = fast.by_gram(residual, atoms, gram, *limits, k)
    expected = factors(residual, atoms, gram, *limits, k)
    same = torch.where(indices == m // 2, 0, indices) == torch.where(expected[2] == m // 2, 0, expected[2])
    assert same[expected[1] != 0].all()
    assert (lower.diagonal(dim1=1, dim2=2) > 0).all()
    torch.testing.assert_close(along, expected[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(lower, expected[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("which", ["atom", "sample"])
@pytest.mark.parametrize("m", [37, 5000])
def test_pursuits_do_not_pass_over_what_is_nan(which: str, m: int) -> None:
    """It shows in the loss then, as by the code for a CPU."""
    from models.parts.kernels import orthogonal, pursuit as fast

    atoms, residual, limits = F.normalize(torch.randn(m, 4), dim=1), torch.randn(2, 4), (torch.full((2,), 1e-6), 1e-5)
    (atoms if which == "atom" else residual)[-1] = torch.nan
    gram = atoms @ atoms.T
    expected = torch.tensor([which == "atom", True])
    for choice in get_args(Choice):
        assert torch.equal(fast.pursue(residual, atoms, gram, limits[0], 3, choice)[0].isnan().all(1), expected)
        assert torch.equal(pursue(residual, atoms, 3, gram, choice)[0].isnan().all(1), expected)
    for _, along, indices in (
        orthogonal.by_gram(residual, atoms, gram, *limits, 3),
        orthogonal.by_residual(residual, atoms, *limits, 3),
        factors(residual, atoms, gram, *limits, 3),
    ):
        assert torch.equal(along.isnan().all(1), expected)
        assert indices.max() < m


@pytest.mark.parametrize(("n", "m", "width", "k"), [(1, 8, 4, 2), (3, 60, 4, 5), (2, 256, 32, 3)])
def test_the_largest_of_groups(n: int, m: int, width: int, k: int) -> None:
    from models.parts.kernels import largest

    scores = torch.randint(0, 40, (n, m)).float()
    best = scores.unflatten(1, (width, -1)).amax(1).topk(k).indices
    values, columns = largest.top_k_of_groups(scores, best, width, k)
    assert torch.equal(values.sort(descending=True).values, scores.topk(k).values)
    assert torch.equal(scores.gather(1, columns), values)
    assert all(len(set(row)) == k for row in columns.tolist()), "no column twice"


def test_a_kernel_that_fails_is_given_up_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "problems", {})

    def broken() -> None:
        raise RuntimeError("no such card\nand more")

    assert kernels.guarded("bags.sums", broken) is None
    assert kernels.problems == {"bags.sums": "no such card"}
    assert kernels.attempt("bags.sums", torch.zeros(1)) is None


def test_a_kernel_that_fails_while_a_graph_is_captured_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "problems", {})
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    with pytest.raises(ZeroDivisionError):
        kernels.guarded("bags.sums", lambda: 1 / 0)
    assert not kernels.problems


def test_a_kernel_is_launched_on_the_device_of_its_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    from models.parts.kernels import atoms as fast

    current = ["cuda:0"]

    @contextmanager
    def device(other: torch.device) -> Iterator[None]:
        current.append(str(other))
        yield
        current.pop()

    monkeypatch.setattr(kernels, "problems", {})
    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(fast, "normalise", lambda *_: current[-1])
    with FakeTensorMode():
        atoms = torch.empty(2, 3, device="cuda:1")
        assert kernels.attempt("atoms.normalise", atoms, atoms, 1e-12) == "cuda:1"
    assert current == ["cuda:0"]
    assert not kernels.problems
