"""Weights come back into the model they are of, and into no other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bench.errors import BenchError
from bench.store.weights import read_weights, restore, write_weights
from models.mp import MatchingPursuit
from models.topk import TopK
from tests.bench.store.helpers import somebody_else


def topk(n_latents: int = 8) -> TopK:
    return TopK(TopK.Config(n_latents=n_latents, k=2), 6)


def test_a_round_trip_gives_the_same_codes(tmp_path: Path) -> None:
    model, twin, x = topk(), topk(), torch.rand(5, 6)
    write_weights(tmp_path / "w", model.state_dict(), "topk-1")
    assert not torch.equal(model.encode(x).dense(), twin.encode(x).dense())
    restore(twin, read_weights(tmp_path / "w", "topk-1"), "The weights")
    assert torch.equal(model.encode(x).dense(), twin.encode(x).dense())


def test_equal_weights_have_equal_bytes(tmp_path: Path) -> None:
    state = topk().state_dict()
    for number in range(12):
        write_weights(tmp_path / str(number), state, "topk-1")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_weights_of_earlier_versions_are_read(tmp_path: Path) -> None:
    state = topk().state_dict()
    save_file(state, tmp_path / "w", metadata={"run_id": "topk-1", "schema": "2"})
    assert read_weights(tmp_path / "w", "topk-1").keys() == state.keys()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", ["cannot be read", "--force"]),
        ("damaged", ["cannot be read"]),
        ("other run", ["run_id = 'topk-2'", "expected topk-1"]),
        ("other version", ["schema = '0'", "expected 1 or 2"]),
        ("bare", ["run_id = None"]),
    ],
)
def test_a_file_that_is_not_the_runs_says_so(tmp_path: Path, kind: str, words: list[str]) -> None:
    path, state = tmp_path / "weights", topk().state_dict()
    if kind == "damaged":
        write_weights(path, state, "topk-1")
        path.write_bytes(path.read_bytes()[:100])
    elif kind == "other run":
        write_weights(path, state, "topk-2")
    elif kind == "other version":
        save_file(state, path, metadata={"run_id": "topk-1", "schema": "0"})
    elif kind == "bare":
        save_file(state, path)
    with pytest.raises(BenchError) as caught:
        read_weights(path, "topk-1")
    assert all(word in str(caught.value) for word in [str(path), *words])


def test_weights_that_may_not_be_read_are_not_called_missing(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    write_weights(path, topk().state_dict(), "topk-1")
    path.chmod(0)
    with somebody_else(), pytest.raises(BenchError) as caught:
        read_weights(path, "topk-1")
    assert f"'{path}' may not be read by you; ask its owner for `chmod -R a+rX {tmp_path}`" in str(caught.value)
    assert "--force" not in str(caught.value)


def test_another_shape_or_model_names_what_does_not_fit() -> None:
    with pytest.raises(BenchError, match=r"encoder is float32 of shape \(9, 6\), expected float32 of shape \(8, 6\)"):
        restore(topk(), topk(9).state_dict(), "The weights")
    mp = MatchingPursuit(MatchingPursuit.Config(n_latents=8, k=2), 6)
    with pytest.raises(BenchError, match="do not fit MatchingPursuit: encoder is not part of it"):
        restore(mp, topk().state_dict(), "The weights")
    with pytest.raises(BenchError, match="do not fit TopK: encoder is missing"):
        restore(topk(), mp.state_dict(), "The weights")


def test_weights_of_another_type_or_with_nan_are_refused() -> None:
    with pytest.raises(BenchError, match="bias is float64 of shape"):
        restore(topk(), topk().double().state_dict(), "The weights")
    with pytest.raises(BenchError, match="encoder_bias holds NaN or infinities"):
        restore(topk(), topk().state_dict() | {"encoder_bias": torch.full((8,), float("nan"))}, "The weights")
