"""Where a dictionary begins."""

from __future__ import annotations

import torch

from models.parts.atoms import geometric_median


def test_the_geometric_median_of_a_file_in_the_order_of_its_classes_is_that_of_all_its_rows() -> None:
    classes = torch.randn(10, 6)
    x = (classes[:, None] + 0.1 * torch.randn(10, 1000, 6)).flatten(0, 1)
    whole = geometric_median(x, max_samples=len(x))
    torch.testing.assert_close(geometric_median(x, max_samples=1000), whole, rtol=0, atol=0.02)
    assert (x[:1000].mean(0) - whole).norm() > 0.5, "its first rows are of one class"


def test_no_point_has_a_smaller_sum_of_distances() -> None:
    x = torch.randn(200, 3, dtype=torch.float64).exp()
    median = geometric_median(x, iterations=500, tolerance=1e-12)
    least = (x - median).norm(dim=1).sum()
    for direction in torch.eye(3, dtype=torch.float64):
        for step in (-1e-3, 1e-3):
            assert (x - median - step * direction).norm(dim=1).sum() >= least
