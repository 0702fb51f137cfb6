"""The contract of a model's codes: each check, with a model that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execute.contract import codes, running
from tests.bench.execute.contract.plugins import MODEL, masked, problems, subclass, whats

BROKEN: list[tuple[str, dict[Callable[..., str | None], str]]] = [
    (
        """
        def encode(self, x):
            return DenseCodes(self.encoder(x)[:, 1:])
        """,
        {
            codes.encodes: "z of encode() has the shape (20, 7); expected (20, 8).",
        },
    ),
    (
        """
        def encode(self, x):
            return self.encoder(x)
        """,
        {
            codes.encodes: ("encode() returns Tensor; expected models.base.DenseCodes or SparseCodes."),
        },
    ),
    (
        """
        def encode(self, x):
            return DenseCodes(self.encoder(x) / 0 * 0)
        """,
        {
            codes.encodes: "z of encode() has values that are NaN or infinite: 160 of 160.",
        },
    ),
    (
        """
        def encode(self, x):
            z = self.encoder(x).relu()
            return DenseCodes(z, gamma=z + 1.5)
        """,
        {
            codes.encodes: "gamma of encode() goes from # to #; expected probabilities in [0, 1].",
        },
    ),
    (
        """
        def encode(self, x):
            values, indices = self.encoder(x).relu().topk(2)
            return SparseCodes(values, indices * 0 + 8, 8)
        """,
        {
            codes.encodes: "indices of encode() go from 8 to 8; expected units in [0, 8).",
        },
    ),
    (
        """
        def encode(self, x):
            values, indices = self.encoder(x).relu().topk(2)
            return SparseCodes(values, indices.int(), 8)
        """,
        {
            codes.encodes: ("indices of encode() is torch.int32 (20, 2); expected torch.int64 (20, 2), as its values."),
        },
    ),
    (
        """
        def encode(self, x):
            values, indices = self.encoder(x).relu().topk(2)
            return SparseCodes(values, indices, 9)
        """,
        {
            codes.encodes: "n_latents of encode() is 9; expected 8, that of the config.",
        },
    ),
    (
        """
        def encode(self, x):
            return DenseCodes(self.encoder(x + torch.rand_like(x)).relu())
        """,
        {
            codes.repeats: "codes of a second call differ by up to #: encode() draws no noise and keeps no state.",
        },
    ),
    (
        """
        def encode(self, x):
            return DenseCodes(self.encoder(x - x.mean(0)).relu())
        """,
        {
            codes.ignores_the_batch: (
                "codes of single samples differ by up to #: use no statistics of the batch in evaluation mode."
            ),
        },
    ),
    (
        """
        def encode(self, x):
            z = self.encoder(x).relu()
            return DenseCodes(z * (1 + torch.arange(len(z)))[:, None])
        """,
        {
            codes.ignores_the_batch: (
                "codes of single samples differ by up to #: use no statistics of the batch in evaluation mode."
            ),
            codes.ignores_the_order: (
                "codes in reverse order differ by up to #: let a code depend on its sample alone."
            ),
        },
    ),
    (
        """
        def encode(self, x):
            z = self.encoder(x).relu()
            return DenseCodes(z[0] if len(z) == 1 else z)
        """,
        {
            codes.encodes_one_sample: "z of encode() of one sample has the shape (8,); expected (1, 8).",
            codes.decodes: "decode() has the shape (64,); expected (1, 64).",
        },
    ),
    (
        """
        def decode(self, codes):
            return self.decoder(codes.dense()).reshape(-1, 8, 8)
        """,
        {
            codes.decodes: "decode() has the shape (20, 8, 8); expected (20, 64).",
        },
    ),
    (
        """
        def encode(self, x):
            z = self.encoder(x).relu()
            return DenseCodes(z, (z > 0).float())
        def decode(self, codes):
            shift = 0 if codes.gamma is None else codes.gamma.sum(1, keepdim=True)
            return self.decoder(codes.dense()) + shift
        """,
        {
            codes.decodes_dense_codes: ("reconstructions differ by up to 6: decode z (or values and indices) alone."),
        },
    ),
    (
        """
        def decode(self, codes):
            z = codes.dense()
            return self.decoder(z / z.abs().sum(1, keepdim=True)) if (z == 0).all() else self.decoder(z)
        """,
        {
            codes.decodes_nothing: "decode() of zeros has values that are NaN or infinite: 1280 of 1280.",
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            losses = super().loss(x, labels, progress)
            return Losses(losses.total / x.sum(1).min(), losses.terms)
        """,
        {
            codes.survives_constant_inputs: (
                "DivergedError: The loss became inf at step 1 (its named terms are finite). Lower learning_rate, or "
                "look at the terms in the model's loss."
            ),
        },
    ),
    (
        """
        def encode(self, x):
            return DenseCodes(self.encoder(x.clamp_(0, 0.5)).relu())
        """,
        {
            codes.leaves_inputs_alone: "encode() changes its inputs in place; work on a copy.",
            running.runs: (
                "ChangedInputError: encode() changes x in place, on which others are measured: work on a copy, "
                "x.clone()."
            ),
        },
    ),
    (
        """
        def atoms(self):
            return self.decoder.weight.T + 1j
        """,
        {
            codes.has_atoms: "atoms() is torch.complex64; expected real numbers.",
            running.runs: (
                "pictures cannot be drawn: atoms: InvalidOutputError: atoms returned torch.complex64, "
                "expected real numbers."
            ),
        },
    ),
    (
        """
        def atoms(self):
            return self.decoder.weight
        """,
        {
            codes.has_atoms: "atoms() has the shape (64, 8); expected (8, 64).",
            running.runs: (
                "pictures cannot be drawn: atoms: InvalidOutputError: atoms returned the shape (64, 8), "
                "expected (8, 64)."
            ),
        },
    ),
    (
        """
        def encode_with_budget(self, x, k):
            return self.encode(x)
        """,
        {
            codes.keeps_a_budget: "encode_with_budget(x, 1) uses 6 units of a sample; expected at most 1.",
        },
    ),
    (
        """
        def sample(self, x):
            return DenseCodes(self.encoder(x).T)
        """,
        {
            codes.samples: "z of sample() has the shape (8, 20); expected (20, 8).",
        },
    ),
    (
        """
        def preactivations(self, x):
            return self.encoder(x).sum(1)
        """,
        {
            codes.has_preactivations: "preactivations() has the shape (20,); expected (20, 8).",
        },
    ),
    (
        """
        def posterior_mean(self, x):
            return self.encoder(x)[:, :3]
        """,
        {
            codes.has_a_posterior: "posterior_mean() has the shape (20, 3); expected (20, 8).",
        },
    ),
    (
        """
        def elbo(self, x):
            return -x.square().sum()
        def log_likelihood(self, x, n_samples):
            return -x.square().sum(1)
        """,
        {
            codes.has_a_likelihood: "elbo() has the shape (); expected (20,).",
        },
    ),
    (
        """
        def elbo(self, x):
            return -x.square().sum(1)
        def log_likelihood(self, x, n_samples):
            return -x.square().sum(1).log() / 0
        """,
        {
            codes.has_a_likelihood: "log_likelihood() has values that are NaN or infinite: 20 of 20.",
        },
    ),
    (
        """
        def prepare(self, x, labels):
            self.mean = x.mean(0)
        def encode(self, x):
            return DenseCodes(self.encoder(x - getattr(self, 'mean', 0)).relu())
        """,
        {
            codes.is_saved: (
                "codes differ by up to #: something that encode() needs is neither a parameter nor a buffer; "
                "keep it with register_buffer()."
            ),
        },
    ),
    (
        """
        def encode(self, x):
            raise SystemExit(3)
        """,
        {
            codes.encodes: "SystemExit: 3 (line 35 of mine.py)",
        },
    ),
]
"""What is added to a sound model, and what each check then says. It begins on line 35 of its file."""


@pytest.mark.parametrize(("body", "expected"), BROKEN)
def test_what_is_wrong_is_said_by_the_check_that_looks_for_it(
    body: str, expected: dict[Callable[..., str | None], str], tmp_path: Path
) -> None:
    assert masked(problems(subclass(tmp_path, MODEL, body))) == whats(expected)
