"""Bayes AUROC against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.simulation.bayes import bayes_auroc
from cfdna_interp.simulation.noise import build_summaries
from cfdna_interp.simulation.people import draw_subjects
from cfdna_interp.simulation.worlds import World, load_world
from cfdna_interp.stats.roc import auroc

NOISE = np.array([0.1, 0.2, 0.4])


@pytest.mark.parametrize("name", ["length", "methylation", "tissue"])
def test_two_normals_two_sd_apart(name: str) -> None:
    # AUROC of N(+1, 1) against N(-1, 1) is Phi(2 / sqrt 2) = .9214.
    result = bayes_auroc(load_world(name), NOISE, 1)
    assert result.crude == pytest.approx(norm.cdf(np.sqrt(2)), abs=4 * result.crude_se)
    assert result.within_site == pytest.approx(norm.cdf(np.sqrt(2)), abs=4 * result.within_site_se)
    assert result.crude_se < 0.001


def test_what_age_makes_of_the_label() -> None:
    # Who isn't told the age sees two normals .9 * 1.1 SD apart.
    result = bayes_auroc(load_world("age"), NOISE, 1)
    expected = norm.cdf(0.9 * 1.1 / np.sqrt(2))
    assert result.crude == pytest.approx(expected, abs=4 * result.crude_se)
    assert result.within_site == pytest.approx(expected, abs=4 * result.within_site_se)


def test_no_effect_is_one_half_exactly() -> None:
    result = bayes_auroc(load_world("null"), NOISE, 1)
    assert (result.crude, result.within_site) == (0.5, 0.5)


def test_confounded_by_site() -> None:
    # Were the site known, the likelihood ratio took two values: AUROC = P(case's site > control's) + half the
    # ties = .825² + .5 * 2 * .825 * .175 = .825. From the length alone, 3.8 SD apart, it is a little less.
    result = bayes_auroc(load_world("site-confounded"), NOISE, 1)
    assert result.within_site == 0.5
    assert 0.80 < result.crude < 0.825


def test_correlated_latents_against_the_mahalanobis_distance() -> None:
    # With d = (1.5, 0) and correlation r of the observed summaries, the distance is d² / (1 - r²).
    world = World(
        name="suppressor",
        effects={"fragment_length": 1.5},
        correlation={"fragment_length:methylation": 0.8},
    )
    r = 0.8 * np.sqrt((1 - 0.01) * (1 - 0.04))
    result = bayes_auroc(world, NOISE, 1)
    distance = 1.5 / np.sqrt(1 - r**2)
    assert result.crude == pytest.approx(norm.cdf(distance / np.sqrt(2)), abs=4 * result.crude_se)


def test_interaction_needs_both_groups() -> None:
    # Far apart, sides are certain: the classes separate, though each group alone has equal means.
    world = World(name="xor", label_rule="interaction", effects={"fragment_length": 8.0, "methylation": 8.0})
    assert bayes_auroc(world, NOISE, 1).crude > 0.995
    alone = replace(world, effects={"fragment_length": 8.0})
    assert bayes_auroc(alone, NOISE, 1).crude == pytest.approx(0.5, abs=1e-9)


def test_sites_without_both_labels_have_no_within_site_value() -> None:
    nested = replace(load_world("site-confounded"), label_site_overlap=1.0)
    assert np.isnan(bayes_auroc(nested, NOISE, 1).within_site)


# Worlds in which two groups matter: distance in SD between the classes, for (both, length alone, methylation
# alone); AUROC is Phi(distance / sqrt 2). With c the correlation of the observed summaries,
# ρ·sqrt((1 - .01)(1 - .04)):
# redundant   both: d² = 4·2 / (1 + c), the squared distance of two equal shifts; alone: d = 2.
# suppressor  both: d² = 4 / (1 - c²), the Mahalanobis distance with a shift in one; alone: d = 0 and d = 2.
# interaction alone: cases and controls have the same mixture, +1.5 and -1.5 with equal chance.
SHRINK = np.sqrt(0.99 * 0.96)
TWO_GROUPS = {
    "redundant": (np.sqrt(8 / (1 + 0.999 * SHRINK)), 2.0, 2.0),
    "suppressor": (2 / np.sqrt(1 - (0.9 * SHRINK) ** 2), 0.0, 2.0),
    "interaction": (None, 0.0, 0.0),
}


@pytest.mark.parametrize("name", TWO_GROUPS)
def test_both_groups_and_each_alone_against_closed_forms(name: str) -> None:
    world = load_world(name)
    subsets = (["fragment_length", "methylation"], ["fragment_length"], ["methylation"])
    for groups, distance in zip(subsets, TWO_GROUPS[name], strict=True):
        if distance is not None:
            result = bayes_auroc(world, NOISE, 1, groups)
            expected = norm.cdf(distance / np.sqrt(2))
            assert result.crude == pytest.approx(expected, abs=4 * result.crude_se + 1e-9)
    # The third group has nothing to add.
    both, every = (bayes_auroc(world, NOISE, 1, groups) for groups in (subsets[0], BAG_GROUPS))
    assert both.crude == pytest.approx(every.crude, abs=4 * (both.crude_se + every.crude_se))


def test_interaction_against_a_sum_over_a_grid() -> None:
    # Without sampling noise the ratio is log cosh(1.5 (l + m)) - log cosh(1.5 (l - m)) for unit variances,
    # and l + m, l - m are independent with variance 2: means ±3 and 0 in cases, 0 and ±3 in controls. The
    # classes' probabilities on a fine grid, in the order of the ratio, give the AUROC.
    grid = np.linspace(-10, 10, 401)
    centred, apart = norm.pdf(grid, 0, np.sqrt(2)), norm.pdf(grid, 3, np.sqrt(2))
    apart = (apart + apart[::-1]) / 2
    ratio = np.log(np.cosh(1.5 * grid))[:, None] - np.log(np.cosh(1.5 * grid))
    case, control = np.outer(apart, centred).ravel(), np.outer(centred, apart).ravel()
    order = np.argsort(ratio.ravel())
    below = np.cumsum(control[order]) - control[order] / 2
    expected = (case[order] * below).sum() / (case.sum() * control.sum())
    result = bayes_auroc(load_world("interaction"), np.zeros(3), 1)
    assert result.crude == pytest.approx(expected, abs=4 * result.crude_se + 1e-4)
    assert 0.94 < expected < 0.96


def log_cosh_ratio(z: np.ndarray) -> np.ndarray:
    return np.log(np.cosh(1.5 * (z[:, 0] + z[:, 1])) / np.cosh(1.5 * (z[:, 0] - z[:, 1])))


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("redundant", lambda z: z[:, 0] + z[:, 1]),
        ("suppressor", lambda z: z[:, 1] - 0.9 * z[:, 0]),
        ("interaction", log_cosh_ratio),
    ],
)
def test_bayes_against_latents_as_drawn(name: str, score: Callable[[np.ndarray], np.ndarray]) -> None:
    # The best score needs no fitting; 4,000 people's latents give its AUROC to .004. Latents leave room for
    # sampling noise (variance .99 in length and methylation), which raises AUROC by less than .002.
    world = replace(load_world(name), discovery=3_998, heldout=2)
    people = draw_subjects(world, build_summaries(1), 3)
    z = np.array([person.latents for person in people])
    label = np.array([person.row.label for person in people])
    quiet = np.zeros(3)
    assert auroc(label, score(z)) == pytest.approx(bayes_auroc(world, quiet, 1).crude, abs=0.014)
    for place, group in enumerate(("fragment_length", "methylation")):
        promised = bayes_auroc(world, quiet, 1, [group]).crude
        assert auroc(label, z[:, place]) == pytest.approx(promised, abs=0.03)
