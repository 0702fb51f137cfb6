"""Sparse decode, selected linear layer, selection and packing against their dense counterparts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from models.parts.largest import argmax, top_k, top_k_linear
from models.parts.sparse import Selection, decode, selected_preactivations, sort_numbers, sparse_codes

SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 9), st.integers(1, 6), st.integers(1, 9))


def rand(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def dense(values: Tensor, indices: Tensor, m: int) -> Tensor:
    return values.new_zeros(len(values), m).scatter_add(1, indices, values)


@settings(deadline=None, max_examples=50)
@given(SHAPES)
def test_decode_and_its_gradients_equal_the_dense_product(shape: tuple[int, int, int, int]) -> None:
    n, m, d, k = shape
    indices = torch.randint(0, m, (n, k))  # repeats included
    values, atoms, weight = rand(n, k), rand(m, d), torch.randn(n, d, dtype=torch.float64)
    sparse = decode(values, Selection(indices, m), atoms)
    reference = dense(values, indices, m) @ atoms
    torch.testing.assert_close(sparse, reference)
    ours = torch.autograd.grad((sparse * weight).sum(), [values, atoms])
    theirs = torch.autograd.grad((reference * weight).sum(), [values, atoms])
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


@settings(deadline=None, max_examples=50)
@given(SHAPES)
def test_selected_linear_gradients_equal_dense_autograd(shape: tuple[int, int, int, int]) -> None:
    n, m, d, k = shape
    k = min(k, m)
    x, weight, bias, centre = torch.randn(n, d, dtype=torch.float64), rand(m, d), rand(m), rand(d)
    reference, indices = ((x - centre) @ weight.T + bias).topk(k, dim=1)
    ours = selected_preactivations(x, weight, bias, centre, reference.detach(), Selection(indices, m))
    upstream = torch.randn(n, k, dtype=torch.float64)
    ours_grad = torch.autograd.grad((ours * upstream).sum(), [weight, bias, centre])
    theirs_grad = torch.autograd.grad((reference * upstream).sum(), [weight, bias, centre])
    torch.testing.assert_close(ours_grad, theirs_grad, atol=1e-10, rtol=1e-10)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 5), st.sampled_from([1, 2, 7, 31, 32, 64, 256, 1000, 1024, 4096]), st.data())
def test_top_k_and_argmax_are_those_of_torch(n: int, m: int, data: st.DataObject) -> None:
    k = data.draw(st.sampled_from([1, min(3, m), min(32, m), m]))
    scores = torch.randn(n, m).round(decimals=data.draw(st.sampled_from([0, 4])))  # with ties, and without
    values, columns = top_k(scores.clone().requires_grad_(), k)
    assert not values.requires_grad, "a kernel gives none, and so nothing does"
    assert torch.equal(values.sort(1).values, scores.topk(k, 1).values.sort(1).values)
    assert torch.equal(scores.gather(1, columns), values)
    assert all(len(row.unique()) == k for row in columns)
    assert torch.equal(scores.gather(1, argmax(scores)[:, None]).squeeze(1), scores.amax(1))


@pytest.mark.parametrize("block", [1, 40, 300, 10_000])
@pytest.mark.parametrize("k", [1, 5, 37])
def test_top_k_of_a_linear_layer_in_blocks_is_that_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, k: int, block: int
) -> None:
    monkeypatch.setattr("models.parts.largest.CACHED", block)
    x, weight, bias = (torch.randn(*shape, dtype=torch.float64) for shape in ((9, 6), (37, 6), (37,)))
    values, columns = top_k_linear(x, weight, bias, k)
    whole = x @ weight.T + bias
    torch.testing.assert_close(values.sort(1).values, whole.topk(k, 1).values.sort(1).values)
    torch.testing.assert_close(values, whole.gather(1, columns))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(1, 8), st.floats(0, 1, allow_subnormal=False))
def test_rows_of_different_lengths_are_the_dense_code(n: int, m: int, share: float) -> None:
    z = torch.rand(n, m, dtype=torch.float64) * (torch.rand(n, m) < share)
    codes = sparse_codes(z)
    assert torch.equal(codes.dense(), z)
    assert codes.values.shape[1] == max(1, int((z != 0).sum(1).max()))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 5), st.booleans())
def test_gradients_of_a_list_skip_its_unused_slots(n: int, m: int, d: int, may_wait: bool) -> None:
    """Slots that hold no unit have the value 0 and any gradient; both ways to leave them out agree."""
    rows, units = (torch.rand(n, m) < 0.5).nonzero(as_tuple=True)
    used = torch.rand(len(rows)) < 0.7
    entries, atoms = rand(len(rows)), rand(m, d)
    selection = Selection(units, m, used, rows, n)
    reference = torch.zeros(n, m, dtype=torch.float64).index_put((rows, units), entries * used) @ atoms
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.parts.sparse.may_wait", lambda _: may_wait)
        torch.testing.assert_close(selection.transposed_product(entries, rand(n, d).detach() * 0), 0 * atoms.detach())
    result = decode(entries * used, selection, atoms)
    torch.testing.assert_close(result, reference)
    weight = torch.randn(n, d, dtype=torch.float64)
    ours = torch.autograd.grad((result * weight).sum(), [entries, atoms])
    theirs = torch.autograd.grad((reference * weight).sum(), [entries, atoms])
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("n", [0, 1, 700, 2**15 - 1, 2**15])
@pytest.mark.parametrize("end", [3, 2**15 - 1, 2**15, 2**17])
def test_numbers_are_sorted_and_equal_ones_stay_in_their_order(n: int, end: int) -> None:
    """Whoever sorts, by as many bytes as the largest takes."""
    numbers = torch.randint(0, end, (n,))
    if n:
        numbers[n // 2] = end - 1
    ascending, order = sort_numbers(numbers, end)
    expected = sorted(range(n), key=numbers.tolist().__getitem__)
    assert order.tolist() == expected
    assert ascending.tolist() == numbers[order].tolist()
