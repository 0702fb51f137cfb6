"""Clusters: found where they are planted, followed where they go, and never left empty."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from models.parts.clusters import Clusters


def planted(n: int, places: Tensor) -> tuple[Tensor, Tensor]:
    """n features near some places (K, F), and which."""
    labels = torch.randint(len(places), (n,))
    return places[labels] + 0.1 * torch.randn(n, places.shape[1]), labels


def fitted(features: Tensor, n: int = 4) -> Clusters:
    clusters = Clusters(n, features.shape[1])
    clusters.fit(features)
    return clusters


def one_to_one(first: Tensor, second: Tensor) -> bool:
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    return len(pairs) == len(first.unique()) == len(second.unique())


def test_planted_clusters_are_found_and_the_nearest_centre_counts() -> None:
    features, labels = planted(400, 5 * torch.eye(4))
    clusters = fitted(features)
    found = clusters.of(features)
    assert one_to_one(found, labels)
    assert np.array_equal(found.numpy(), cdist(features.numpy(), clusters.centres.numpy()).argmin(1))


def test_the_same_stream_gives_the_same_centres() -> None:
    features = torch.rand(300, 5)
    centres = []
    for _ in range(2):
        torch.manual_seed(3)
        centres.append(fitted(features).centres)
    assert torch.equal(*centres)


def test_centres_follow_features_that_drift() -> None:
    places = 5 * torch.eye(4)
    clusters = fitted(planted(400, places)[0])
    for step in range(300):
        features, labels = planted(64, places + 0.1 * step)
        clusters.follow(features)
    assert one_to_one(clusters.of(features), labels)
    # The centre lags by what the features move in the steps that its mean remembers: 0.1 / (1 - 0.99^16).
    assert (cdist(clusters.centres, places + 30).min(1) < 2 * 0.1 / (1 - 0.99**16) * 2).all()


def test_clusters_that_empty_begin_anew_where_features_are() -> None:
    places = 5 * torch.eye(4)
    clusters = Clusters(4, 4)
    clusters.centres.copy_(torch.tensor([[0.0], [50], [60], [70]]).expand(4, 4))
    assert len(clusters.of(planted(64, places)[0]).unique()) == 1
    for _ in range(400):
        clusters.follow(planted(64, places)[0])
    features, labels = planted(64, places)
    assert one_to_one(clusters.of(features), labels)
    assert clusters.shares.sum().item() == pytest.approx(1, abs=0.2)


def test_fewer_samples_than_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="n_clusters = 4 is more than the 3 training samples"):
        fitted(torch.rand(3, 2))
