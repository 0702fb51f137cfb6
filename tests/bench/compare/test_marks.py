"""Which rows are marked: by hand, by simulated boards whose best row is known, at a price, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats as reference

from bench.compare.marks import marked
from bench.compare.stats import rank_intervals

Rows = dict[str, dict[int, float]]
VALUES = st.one_of(st.floats(-1e3, 1e3, width=32, allow_subnormal=False), st.sampled_from([0.0, 1.0, math.inf]))


def table(**rows: list[float]) -> Rows:
    return {name: dict(enumerate(values)) for name, values in rows.items()}


def board(means: list[float], spreads: list[float], n: int, rng: np.random.Generator) -> Rows:
    """A simulated column: row i has this true mean, and this standard deviation over seeds."""
    values = np.array(means)[:, None] + np.array(spreads)[:, None] * rng.normal(size=(len(means), n))
    return {str(i): dict(enumerate(row)) for i, row in enumerate(values.tolist())}


def shares(means: list[float], spreads: list[float], n: int = 5, n_boards: int = 300) -> np.ndarray:
    """How often each row is marked; on no board is a row marked below one that is not."""
    rng, counts = np.random.default_rng(0), np.zeros(len(means))
    for _ in range(n_boards):
        rows = board(means, spreads, n, rng)
        chosen = marked(rows, maximise=True)
        assert chosen
        lowest = min(np.mean(list(rows[row].values())) for row in chosen)
        assert chosen == {row for row, values in rows.items() if np.mean(list(values.values())) >= lowest}
        counts[[int(row) for row in chosen]] += 1
    return counts / n_boards


@pytest.mark.parametrize("noise", [1.0, 2.0, 3.0, 10.0])
@pytest.mark.parametrize("n_rows", [3, 12])
def test_the_best_row_is_marked_even_if_it_is_noisy_and_hardly_better(noise: float, n_rows: int) -> None:
    """300 boards have a standard error of 0.012."""
    share = shares([1e-9] + [0.0] * (n_rows - 1), [noise] + [1.0] * (n_rows - 1))[0]
    assert share > 0.93


def test_a_row_that_is_worse_is_told_from_the_best_whatever_its_noise() -> None:
    worse = shares([0.0] * 11 + [-5.0], [1.0] * 12)
    assert worse[-1] < 0.03
    noisy = shares([0.0] * 11 + [-15.0], [1.0] * 11 + [3.0])
    assert noisy[-1] < 0.10, "5 of its own standard deviations: its spread alone, from 5 seeds, says so less surely"


def test_a_wild_row_hides_nothing_of_others() -> None:
    """Rows as quiet as the best and four standard deviations below it, beside one thirty times as noisy."""
    means = [0.0, -4.0] + [-10.0 - i for i in range(14)] + [-40.0]
    assert shares(means, [1.0] * 16 + [30.0])[1] < 0.02


def test_spreads_that_are_alike_are_pooled() -> None:
    """A row 2.5 standard deviations below: 5 seeds on their own would seldom tell it, the 12 rows together do."""
    rng = np.random.default_rng(1)
    told, alone = 0, 0
    for _ in range(300):
        rows = board([0.0] + [-2.5] * 11, [1.0] * 12, 5, rng)
        told += "1" not in (marked(rows, maximise=True) or set())
        best, other = (list(rows[name].values()) for name in ("0", "1"))
        alone += reference.ttest_rel(best, other).pvalue <= 0.05 / 11
    assert alone < 100
    assert told > 180


def test_the_spread_of_all_rows_alone_tells_no_pair_apart() -> None:
    """Two pairs of rows whose seeds go together: the seeds' mean effect is none, so all rows' spread says p = 0.009,
    with 12 degrees of freedom; a row of one pair against a row of the other says 0.063, with the 4 that there are."""
    effect = np.array([1.0, -1.0, 0.5, -0.5, 0.0])
    low, high = (-effect).tolist(), (1.8 + effect).tolist()
    assert reference.ttest_rel(high, low).pvalue == pytest.approx(0.063, abs=1e-3)
    assert marked(table(a=high, b=high, c=low, d=low), maximise=True) == {"a", "b", "c", "d"}
    further = [value - 1 for value in low]
    assert marked(table(a=high, b=high, c=further, d=further), maximise=True) == {"a", "b"}, "0.017 says so"


def test_the_seeds_own_effect_is_taken_out() -> None:
    easy = [1.0, 5.0, 9.0, 2.0, 4.0]
    harder = [value + 0.5 + 0.01 * seed for seed, value in enumerate(easy)]
    rows = table(a=easy, b=harder, c=[value + 0.6 - 0.01 * seed for seed, value in enumerate(easy)])
    assert marked(rows, maximise=False) == {"a"}
    assert marked(rows, maximise=True) == {"c"}


def test_a_constant_is_what_the_seeds_of_the_others_are_tested_against() -> None:
    """By scipy's one-sample t test, at 5%: of the other two pairs there is no doubt (Holm)."""
    seeds, told = [0.60, 0.70, 0.65, 0.58, 0.75], []
    for level in (0.5, 0.55, 0.6):
        p = reference.ttest_1samp(seeds, level).pvalue
        rows = table(a=seeds, constant=[level] * 5, worst=[0.0] * 5)
        told.append(marked(rows, maximise=True) == {"a"})
        assert told[-1] == (p <= 0.05)
    assert told == [True, True, False]
    assert marked(table(a=[0.5] * 5, b=[0.5] * 5, c=[0.4] * 5), maximise=True) == {"a", "b"}, "none of them varies"


def test_a_noisy_leader_does_not_shield_what_a_third_row_beats() -> None:
    """As where class-aligned VSC, at 0.54 on average and 0.02 in some seeds, let OMP tie with it at 0.02."""
    noisy, third, far = [0.9, 0.05, 1.2, 0.1, 0.8], [0.41, 0.40, 0.42, 0.39, 0.40], [0.02, 0.03, 0.02, 0.01, 0.02]
    rows = table(noisy=noisy, third=third, far=far)
    assert marked(rows, maximise=True) == {"noisy", "third"}
    ranks = rank_intervals(rows, maximise=True)
    assert ranks is not None
    assert [name for name, (best, _) in ranks.items() if best == 1] == ["noisy", "third"]
    assert marked(table(noisy=noisy, far=far), maximise=True) == {"noisy", "far"}, "nothing tells these two apart"


def test_no_row_is_marked_that_the_ranks_put_behind_another_over_more_seeds_than_all_share() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        n_seeds = (10, 10, 10, 10, 7, 5)
        rows = {str(i): dict(enumerate((0.3 * i + rng.normal(size=n)).tolist())) for i, n in enumerate(n_seeds)}
        chosen, ranks = marked(rows, maximise=False), rank_intervals(rows, maximise=False)
        assert chosen
        assert ranks is not None
        assert {ranks[row][0] for row in chosen} == {1}


def test_equal_rows_of_a_metric_that_counts_keep_their_marks() -> None:
    """Accuracies of 360 samples, that differ from seed to seed by one."""
    rng = np.random.default_rng(0)
    lost = 0
    for _ in range(100):
        right = np.round(345 + rng.normal(size=(26, 5))) / 360
        chosen = marked({str(i): dict(enumerate(row)) for i, row in enumerate(right.tolist())}, maximise=True)
        lost += 26 - len(chosen or ())
    assert lost / 2600 < 0.05


def test_nothing_is_said_below_five_shared_seeds_and_rows_with_fewer_are_not_compared() -> None:
    four = [1.0, 1.1, 1.2, 1.3]
    assert marked(table(a=four, b=[9.0] * 4), maximise=False) is None
    assert marked({}, maximise=True) is None
    five = [1.0, 1.1, 1.2, 1.3, 1.0]
    other = {"a": dict(enumerate(five)), "b": dict(enumerate(five, start=5))}
    assert marked(other, maximise=False) is None
    lucky = table(a=five, b=[3.0, 3.1, 3.2, 3.3, 3.0], lucky=[0.1])
    assert marked(lucky, maximise=False) == {"a"}, "one lucky seed is not best"


def test_the_best_is_judged_on_shared_seeds() -> None:
    rows = table(a=[1.0, 1.01, 0.99, 1.0, 1.0], b=[0.9, 0.912, 0.889, 0.9, 0.9, 2.0, 2.1])
    assert marked(rows, maximise=False) == {"b"}


def test_a_diverged_row_is_not_marked() -> None:
    fine = [0.1, 0.12, 0.11, 0.1, 0.13]
    rows = table(fine=fine, diverged=[math.inf] * 5, once=[0.1, 0.1, math.inf, 0.1, 0.1])
    assert marked(rows, maximise=False) == {"fine"}


def test_rows_are_compared_with_those_that_pay_alike_or_less() -> None:
    """Row -> error, L0: at L0 20 less error, as must be; none of its like."""
    step = np.array([0.0, 0.01, -0.01, 0.02, -0.02])
    levels = {
        "dear": (0.14, 22.0),
        "best": (0.15, 10.0),
        "like": (0.22, 10.5),
        "worse": (0.30, 6.0),
        "none": (1.0, 0.0),
    }
    rows = {
        name: dict(enumerate((error + error * step * i).tolist()))
        for i, (name, (error, _)) in enumerate(levels.items(), 1)
    }
    prices = {name: price for name, (_, price) in levels.items()}
    assert marked(rows, maximise=False) == {"dear"}
    assert marked(rows, maximise=False, prices=prices) == {"best"}, "it has a like, and the others have none"
    dominated = prices | {"like": 7.0, "worse": 7.5}
    assert marked(rows, maximise=False, prices=dominated) == {"like"}, "best and dear are alone where they are"
    assert marked(rows, maximise=False, prices={}) is None
    cheap = table(a=[1.0, 1.1, 0.9, 1.0, 1.05], b=[1.0, 1.12, 0.95, 1.01, 1.05], c=[1.3, 1.4, 1.2, 1.3, 1.35])
    told = marked(cheap, maximise=False, prices={"a": 5.0, "b": 10.0, "c": 10.0})
    assert told == {"a", "b"}, "a has no like, but is better than b and pays less"


@given(
    st.lists(st.lists(VALUES, min_size=6, max_size=6), min_size=1, max_size=6),
    st.lists(st.floats(0, 20), min_size=6, max_size=6),
    st.booleans(),
)
@settings(deadline=None)
def test_what_is_better_than_a_marked_row_and_pays_no_more_is_marked(
    columns: list[list[float]], paid: list[float], at_a_price: bool
) -> None:
    rows = {str(i): dict(enumerate(values)) for i, values in enumerate(columns)}
    prices = dict(zip(rows, paid, strict=False))
    chosen = marked(rows, maximise=False, prices=prices if at_a_price else None)
    assert chosen is not None
    for low in chosen:
        for high, values in rows.items():
            cheaper = not at_a_price or prices[high] <= prices[low]
            if cheaper and sum(values.values()) < sum(rows[low].values()) - 1e-6:
                assert high in chosen
