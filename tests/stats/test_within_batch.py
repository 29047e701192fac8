"""The within-batch AUROC: by hand, under planted confounding, and its coverage."""

import numpy as np
import pytest
from scipy.stats import norm

from cfdna_interp.stats.roc import auroc, delong
from cfdna_interp.stats.within_batch import within_batch


def rng(seed=0):
    return np.random.default_rng(seed)


def test_by_hand_with_weights_of_the_batches():
    # Batch a: 5 cases all above 5 controls, AUROC 1, weight 25/10 = 2.5. Batch b: 5 cases all below 10
    # controls, AUROC 0, weight 50/15 = 10/3. Mean 2.5 / (2.5 + 10/3) = 3/7.
    labels = np.array([1] * 5 + [0] * 5 + [1] * 5 + [0] * 10)
    scores = np.array([2.0] * 5 + [1.0] * 5 + [1.0] * 5 + [2.0] * 10)
    got = within_batch(labels, scores, ["a"] * 10 + ["b"] * 15, rng())
    assert got.interval.value == pytest.approx(3 / 7)
    assert [(b.batch, b.case, b.control, b.auroc) for b in got.batches] == [("a", 5, 5, 1), ("b", 5, 10, 0)]


def test_batches_below_five_of_a_class_and_unknown_ones_are_not_used():
    labels = np.array([1] * 5 + [0] * 5 + [1] * 4 + [0] * 9 + [1] * 5 + [0] * 5)
    scores = rng(1).normal(size=len(labels))
    got = within_batch(labels, scores, ["a"] * 10 + ["b"] * 13 + [""] * 10, rng())
    assert [batch.batch for batch in got.batches] == ["a"]
    assert within_batch(labels[10:], scores[10:], ["b"] * 13 + [""] * 10, rng()) is None


def test_label_nested_in_batch_gives_none():
    labels = np.repeat([1, 0], 30)
    assert within_batch(labels, rng().normal(size=60), ["a"] * 30 + ["b"] * 30, rng()) is None


def test_one_batch_is_the_crude_auroc_with_delongs_interval():
    labels = np.repeat([1, 0], 35)
    scores = rng(2).normal(size=70) + labels
    got = within_batch(labels, scores, ["a"] * 70, rng()).interval
    assert got.value == pytest.approx(auroc(labels, scores))
    error = np.sqrt(delong(labels, scores[None])[1].item()) / (got.value * (1 - got.value))
    low = np.log(got.value / (1 - got.value)) - norm.ppf(0.975) * error
    assert np.log(got.low / (1 - got.low)) == pytest.approx(low)


def test_a_difference_between_sites_vanishes_and_a_real_one_stays():
    # 33 + 7 cases and 7 + 33 controls at two sites. Handling: a score 4 SD apart between the sites alone
    # has a within-site AUROC of .5; biology: 2 SD apart between the classes has .92.
    labels = np.array([1] * 33 + [0] * 7 + [1] * 7 + [0] * 33)
    site = np.repeat(["a", "b"], 40)
    noise = rng(3).normal(size=80)
    handling = within_batch(labels, noise + 4 * (site == "a"), site.tolist(), rng()).interval
    biology = within_batch(labels, noise + 2 * labels, site.tolist(), rng()).interval
    crude = auroc(labels, noise + 4 * (site == "a"))
    assert handling.low <= 0.5
    assert handling.high < crude
    assert biology.low > 0.5


@pytest.mark.parametrize(("per", "sites", "least"), [(10, 4, 0.90), (7, 2, 0.84)])
def test_coverage(per, sites, least):
    # Four sites of 10 + 10 use DeLong's variances; two of 7 + 7 the bootstrap, which falls short there.
    truth, generator = norm.cdf(2**-0.5), rng(4)
    labels = np.tile(np.repeat([1, 0], per), sites)
    batches = np.repeat([f"s{i}" for i in range(sites)], 2 * per).tolist()
    inside = 0
    for _ in range(200):
        scores = generator.normal(size=len(labels)) + labels
        got = within_batch(labels, scores, batches, generator, bootstrap=200).interval
        inside += got.low <= truth <= got.high
    assert inside / 200 >= least


def test_complete_separation_in_every_batch_keeps_an_honest_lower_bound():
    # 2 x 6 disjoint pairs, all concordant: A^12 >= .025.
    labels = np.tile(np.repeat([1, 0], 6), 2)
    got = within_batch(labels, labels + 0.0, ["a"] * 12 + ["b"] * 12, rng()).interval
    assert (got.value, got.high) == (1, 1)
    assert got.low == pytest.approx(0.025 ** (1 / 12))


def test_complete_separation_is_exact_whatever_the_batch_sizes():
    # The weights of these three add up to 1 - 1.1e-16; disjoint pairs are 16 + 6 + 9.
    cases, controls = (16, 13, 13), (18, 6, 9)
    labels = np.concatenate([np.repeat([1, 0], pair) for pair in zip(cases, controls, strict=True)])
    batches = np.repeat(["a", "b", "c"], [a + b for a, b in zip(cases, controls, strict=True)]).tolist()
    got = within_batch(labels, labels + 0.0, batches, rng()).interval
    assert (got.value, got.high) == (1, 1)
    assert got.low == pytest.approx(0.025 ** (1 / 31))
