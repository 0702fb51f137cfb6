"""The contract of a model: each check of its class, its loss and its run, with a model that breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execute.contract import Outcome, check_object, codes, losses, models, running
from bench.execute.contract.checking import Check
from bench.execute.contract.models import CLASS
from tests.bench.execute.contract.plugins import MODEL, masked, problems, subclass, whats
from tests.bench.execute.contract.test_codes import BROKEN as BROKEN_CODES

BROKEN: list[tuple[str, dict[Callable[..., str | None], str]]] = [
    (
        """
        class Config(SoundConfig):
            k: int = Field(0, ge=1, validate_default=True, description='k')
        """,
        {
            models.makes: "Config.k = 0: Input should be greater than or equal to 1.",
        },
    ),
    (
        """
        def __init__(self, config, n_features):
            raise RuntimeError('out of ideas')
        """,
        {
            models.makes: "RuntimeError: out of ideas (line 35 of mine.py)",
        },
    ),
    (
        """
        def __init__(self, config, n_features):
            super().__init__(config, n_features)
            self.l1 = config.l1
        """,
        {
            models.makes: (
                "AttributeError: 'SoundConfig' object has no attribute 'l1' (line 36 of mine.py). Declare it: `class "
                "MyConfig(SoundConfig): l1: float = 0.1`, and `Config = MyConfig` in the model."
            ),
        },
    ),
    (
        """
        def __init__(self, config, n_features):
            torch.nn.Module.__init__(self)
            self.n_features = n_features
        """,
        {
            models.makes: ("the model has no config or n_features: call super().__init__(config, n_features)."),
        },
    ),
    (
        """
        def __init__(self, config, n_features):
            super().__init__(config, n_features)
            self.layers = {'more': [torch.nn.Linear(n_features, n_features)]}
        """,
        {
            models.registers: (
                "layers holds modules that torch does not see, so that they are never trained: use nn.ModuleDict."
            ),
        },
    ),
    (
        """
        matched_grid = {'kk': (1, 2)}
        """,
        {
            models.has_a_grid: "matched_grid names 'kk', which SoundConfig does not have.",
        },
    ),
    (
        """
        matched_grid = {'k': (0, 2)}
        """,
        {
            models.has_a_grid: "SoundConfig.k = 0: Input should be greater than or equal to 1.",
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            return self.encoder(x).sum()
        """,
        {
            losses.is_a_loss: ("at progress 0 loss() returns Tensor; expected models.base.Losses(total, terms)."),
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            return Losses(self.decoder(self.encoder(x)).sum(1), {})
        """,
        {
            losses.is_a_loss: (
                "at progress 0 the total has the shape (32,); expected a scalar tensor: take the mean over the batch."
            ),
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            return Losses(self.decoder(self.encoder(x)).sum() / (1 - progress), {})
        """,
        {
            losses.is_a_loss: "at progress 1 the total is inf; expected a finite number.",
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            return Losses(x.sum(), {})
        """,
        {
            losses.is_a_loss: ("at progress 0 the total has no gradient: it depends on no parameter, or was detached."),
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            total = super().loss(x, labels, progress).total
            return Losses(total, {'each': x.sum(1)})
        """,
        {
            losses.is_a_loss: "at progress 0 the term 'each' is no scalar tensor under a name.",
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            total = super().loss(x, labels, progress).total
            return Losses(total, {'ratio': total.detach() / 0})
        """,
        {
            losses.is_a_loss: "at progress 0 the term 'ratio' is inf; expected a finite number.",
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            return Losses(x @ self.encoder.weight, {})
        """,
        {
            losses.is_a_loss: (
                "RuntimeError: mm: mat1 and mat2 shapes cannot be multiplied (32x64 and 8x64) (line 35 of mine.py)"
            ),
        },
    ),
    (
        """
        def __init__(self, config, n_features):
            super().__init__(config, n_features)
            self.scale = torch.nn.Parameter(torch.ones(1))
        """,
        {
            losses.reaches_parameters: "no gradient reaches scale; use it in the loss, or keep it as a buffer.",
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            losses = super().loss(x, labels, progress)
            return Losses(losses.total + (self.encoder.bias * 0).sqrt().sum(), {})
        """,
        {
            losses.reaches_parameters: "at progress 0 the gradient of encoder.bias is NaN or infinite.",
            models.trains: (
                "DivergedError: The loss became nan at step 2 (its named terms are finite). Lower learning_rate, or "
                "look at the terms in the model's loss."
            ),
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            total = super().loss(x, labels, progress).total
            return Losses(total / x.std(0).mean(), {})
        """,
        {
            losses.takes_a_last_sample: "the total is nan; expected a finite number.",
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            total = super().loss(x, labels, progress).total
            return Losses(total + torch.eye(10)[labels + 0 if labels.min() >= 0 else labels - 10].mean(), {})
        """,
        {
            losses.takes_unlabelled: (
                "IndexError: index -11 is out of bounds for dimension 0 with size 10 (line 36 of mine.py)"
            ),
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            if labels.min() < 0:
                raise ValueError
            return super().loss(x, labels, progress)
        """,
        {
            losses.takes_unlabelled: "it raises a ValueError without a word; say what it needs labels for.",
        },
    ),
    (
        """
        def prepare(self, x, labels):
            x.sub_(x.mean(0))
        """,
        {
            losses.leaves_batches_alone: "prepare() changes its inputs in place; work on a copy.",
            running.runs: (
                "ChangedInputError: The model 'Mine' changes x in place, on which others are measured: work on a copy, "
                "x.clone()."
            ),
        },
    ),
    (
        """
        def loss(self, x, labels, progress):
            x.mul_(2)
            return super().loss(x, labels, progress)
        """,
        {
            losses.leaves_batches_alone: "loss() changes its inputs in place; work on a copy.",
        },
    ),
    (
        """
        def after_step(self):
            with torch.no_grad():
                self.encoder.weight.fill_(torch.nan)
        """,
        {
            models.trains: (
                "DivergedError: The loss became nan at step 2 (its term error is nan). Lower learning_rate, or look at "
                "the terms in the model's loss."
            ),
        },
    ),
    (
        """
        def __init__(self, config, n_features):
            super().__init__(config, n_features)
            self.register_buffer('seen', torch.zeros(3))
        def after_step(self):
            self.seen /= 0
        """,
        {
            models.trains: "NaN or infinite after training: seen.",
        },
    ),
    (
        """
        def encode(self, x):
            if len(x) > 99:
                raise RuntimeError('too many')
            return super().encode(x)
        """,
        {
            running.runs: "RuntimeError: too many (line 36 of mine.py)",
        },
    ),
    (
        """
        def encode_with_budget(self, x, k):
            if len(x) == 3:
                raise RuntimeError('three')
            z = self.encoder(x).relu()
            kept = z.topk(k).indices
            return DenseCodes(torch.zeros_like(z).scatter(1, kept, z.gather(1, kept)))
        """,
        {
            running.runs: "pictures cannot be drawn: rebuilding: RuntimeError: three.",
        },
    ),
]
"""What is added to a sound model, and what each check then says. It begins on line 35 of its file."""


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("body", "expected"), BROKEN)
def test_what_is_wrong_is_said_by_the_check_that_looks_for_it(
    body: str, expected: dict[Callable[..., str | None], str], tmp_path: Path
) -> None:
    assert masked(problems(subclass(tmp_path, MODEL, body))) == whats(expected)


WITH_ALL = """
def atoms(self):
    return self.decoder.weight.T

def preactivations(self, x):
    return self.encoder(x)

def posterior_mean(self, x):
    return self.encoder(x)

def encode_with_budget(self, x, k):
    values, indices = self.encoder(x).relu().topk(k)
    return SparseCodes(values, indices, self.config.n_latents)

def sample(self, x):
    return DenseCodes(self.encoder(x + 0.1 * torch.randn_like(x)).relu())

def elbo(self, x):
    return -x.square().sum(1)

def log_likelihood(self, x, n_samples):
    return -x.square().sum(1)
"""

SPARSE = """
def encode(self, x):
    values, indices = self.encoder(x).relu().topk(2)
    return SparseCodes(values, indices, self.config.n_latents)
"""

NEEDS_LABELS = """
def loss(self, x, labels, progress):
    if labels.min() < 0:
        raise ValueError("it needs a label for every sample")
    return super().loss(x, labels, progress)
"""

FITTED = """
def fit(self, x):
    self.decoder.bias.data.copy_(x.mean(0))
"""


@pytest.mark.parametrize("body", ["", WITH_ALL, SPARSE, NEEDS_LABELS, FITTED])
def test_a_sound_model_passes(body: str, tmp_path: Path) -> None:
    assert problems(subclass(tmp_path, MODEL, body)) == {}


OF_AS_MANY_UNITS = """
Config = GradientConfig

def __init__(self, config, n_features):
    assert config.n_latents in {valid}
    super().__init__(config, n_features)

def atoms(self):
    return self.decoder.weight
"""


@pytest.mark.parametrize(
    ("valid", "said"), [("(32, 64)", "atoms() has the shape (64, 32); expected (32, 64)."), ("(64,)", None)]
)
def test_atoms_the_wrong_way_round_are_told_unless_there_must_be_as_many_as_inputs(
    valid: str, said: str | None, tmp_path: Path
) -> None:
    found = problems(subclass(tmp_path, MODEL, OF_AS_MANY_UNITS.format(valid=valid)))
    assert found.get(Check(codes.has_atoms).what) == said


def test_every_check_has_a_model_that_breaks_it(tmp_path: Path) -> None:
    tried = {outcome.what for outcome in check_object(subclass(tmp_path, MODEL, WITH_ALL), Path("data"))}
    broken = {what for _, expected in [*BROKEN, *BROKEN_CODES] for what in whats(expected)}
    assert tried == {CLASS, *broken}


def test_each_thing_that_is_refused_is_an_outcome_of_its_own(tmp_path: Path) -> None:
    body = """
    matched_grid = {"k": 4}

    def atom(self):
        return self.decoder.weight.T

    def encode(self, x, k):
        return self.encoder(x)
    """
    helper = "Begin the name of a helper with an underscore."
    assert check_object(subclass(tmp_path, MODEL, body), Path("data")) == [
        Outcome(CLASS, f"defines atom(), which nothing calls: did you mean atoms()? {helper}"),
        Outcome(CLASS, "defines encode(self, x, k); expected encode(self, x), as the harness calls it."),
        Outcome(CLASS, "matched_grid is {'k': 4}; map a field to its values, e.g. {'k': (4, 8)}."),
    ]


def test_metrics_that_fail_in_the_run_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = tmp_path / "failing.py"
    metric.write_text(
        "from metrics.base import metric\n"
        "@metric(label='f', direction='none', range='[0, 1]', source='definition')\n"
        "def failing(x):\n    raise RuntimeError('out of ideas')\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(running, "METRICS", ("l0", f"{metric}:failing"))
    expected: dict[Callable[..., str | None], str] = {
        running.runs: "metrics failed: failing (RuntimeError: out of ideas)."
    }
    assert problems(subclass(tmp_path, MODEL, "")) == whats(expected)


def test_the_model_of_the_readme_passes(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?class MySAE.*?)```", text, re.DOTALL)
    (tmp_path / "my_model.py").write_text(code, encoding="utf-8")
    assert problems(f"{tmp_path / 'my_model.py'}:MySAE") == {}
