"""The kernels on a GPU beside the torch code that they stand for: odd shapes, ties, zeros, k = M, real sizes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.parts import kernels
from models.parts.atoms import normalise, project_gradient
from models.parts.largest import top_k
from models.parts.orthogonal_pursuit import DEPENDENT, factors, orthogonal_pursue
from models.parts.pursuit import Choice, _pursue_block, pursue
from models.parts.sparse import Selection

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(
    ("n", "m", "d", "k"), [(1, 1, 1, 1), (5, 37, 33, 37), (64, 1000, 784, 10), (512, 4096, 768, 32)]
)
def test_sparse_products(n: int, m: int, d: int, k: int) -> None:
    values = torch.randn(n, k, device="cuda", requires_grad=True)
    indices = torch.rand(n, m, device="cuda").topk(k).indices
    dense, other = torch.randn(m, d, device="cuda"), torch.randn(n, d, device="cuda")
    selection = Selection(indices, m)
    whole = torch.zeros(n, m, device="cuda", dtype=torch.float64).scatter_add(1, indices, values.double())
    product = selection.product(values, dense)
    torch.testing.assert_close(product.double(), whole @ dense.double(), rtol=1e-4, atol=1e-4)
    transposed = selection.transposed_product(values.detach(), other)
    torch.testing.assert_close(transposed.double(), whole.detach().T @ other.double(), rtol=1e-4, atol=1e-4)
    (ours,) = torch.autograd.grad((product * other).sum(), values)
    torch.testing.assert_close(ours, (other @ dense.T).gather(1, indices), rtol=1e-3, atol=1e-3)
    assert not kernels.problems


@pytest.mark.parametrize("choice", ["nonnegative", "signed", "absolute"])
@pytest.mark.parametrize(("n", "m", "d", "k"), [(3, 37, 12, 37), (50, 1000, 784, 10), (64, 16384, 768, 32)])
def test_pursuit(choice: Choice, n: int, m: int, d: int, k: int) -> None:
    atoms = F.normalize(torch.randn(m, d, device="cuda"), dim=1)
    residual = torch.randn(n, d, device="cuda")
    residual[0] = 0
    gram = atoms @ atoms.T
    values, indices = pursue(residual, atoms, k, gram, choice)
    expected, chosen = _pursue_block(residual, atoms, k, gram, choice, 0.0)
    same = (indices == chosen).all(1)
    assert same.float().mean() > 0.95  # ties at rounding
    torch.testing.assert_close(values[same], expected[same], rtol=1e-3, atol=1e-4)
    assert not kernels.problems


@pytest.mark.parametrize(("m", "d"), [(1, 1), (37, 33), (1000, 784), (50, 9000)])
def test_atoms_rotate_and_keep_their_norm(m: int, d: int) -> None:
    atoms = nn.Parameter(torch.randn(m, d, device="cuda"))
    unit = F.normalize(atoms.detach(), dim=1)
    normalise(atoms)
    torch.testing.assert_close(atoms.detach(), unit)
    gradient = torch.randn(m, d, device="cuda")
    atoms.grad = gradient.clone()
    project_gradient(atoms)
    expected = gradient - (gradient * unit).sum(1, keepdim=True) * unit
    torch.testing.assert_close(atoms.grad, expected, rtol=1e-4, atol=1e-5)
    assert not kernels.problems


@pytest.mark.parametrize(("n", "m", "k"), [(1, 1, 1), (5, 37, 37), (50, 1000, 10), (300, 16384, 32), (70, 50000, 64)])
@pytest.mark.parametrize("ties", [False, True])
def test_the_largest_of_rows(n: int, m: int, k: int, ties: bool) -> None:
    scores = torch.randint(-2, 3, (n, m), device="cuda").float() if ties else torch.randn(n, m, device="cuda")
    values, columns = top_k(scores, k)
    assert torch.equal(values.sort(descending=True).values, scores.topk(k).values)
    assert torch.equal(scores.gather(1, columns), values)
    assert (columns.sort().values.diff() > 0).all(), "no column twice"
    assert not kernels.problems


@pytest.mark.parametrize("by_gram", [True, False])
@pytest.mark.parametrize(
    ("n", "m", "d", "k"),
    [(1, 1, 3, 1), (3, 37, 12, 20), (5, 12, 30, 12), (50, 1000, 784, 10), (64, 5000, 33, 16), (64, 16384, 768, 32)],
)
def test_orthogonal_pursuit(by_gram: bool, n: int, m: int, d: int, k: int) -> None:
    """With an atom twice, one that is the sum of two, inputs in their span, and a sample of zeros."""
    atoms = torch.randn(m, d, device="cuda")
    atoms[m // 2] = atoms[0]
    atoms[m // 3] = atoms[0] + atoms[-1]
    atoms = F.normalize(atoms, dim=1)
    residual = torch.randn(n, d, device="cuda")
    residual[-1] = 2 * atoms[0] - atoms[-1]
    residual[0] = 0
    gram = atoms @ atoms.T if by_gram else None
    values, indices = orthogonal_pursue(residual, atoms, k, gram)
    epsilon = torch.finfo(torch.float32).eps
    lower, along, chosen = factors(residual, atoms, gram, 10 * epsilon * residual.norm(dim=1), DEPENDENT * epsilon, k)
    expected = torch.linalg.solve_triangular(lower.mT, along[:, :, None], upper=True).squeeze(2)
    same = ((indices == chosen) | (values == 0) & (expected == 0)).all(1)
    assert same[1:-1].float().mean() > 0.9 or n < 10  # ties at rounding
    torch.testing.assert_close(values[same], expected[same], rtol=1e-3, atol=1e-3)
    errors = [(residual - (v[:, :, None] * atoms[i]).sum(1)).norm() for v, i in ((values, indices), (expected, chosen))]
    torch.testing.assert_close(*errors, rtol=0.01, atol=1e-3)
    assert (values[0] == 0).all()
    assert not kernels.problems
