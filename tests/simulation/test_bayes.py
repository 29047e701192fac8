"""Bayes AUROC against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from cfdna_interp.simulation.bayes import bayes_auroc
from cfdna_interp.simulation.worlds import World, load_world

NOISE = np.array([0.1, 0.2, 0.4])


@pytest.mark.parametrize("name", ["length", "methylation", "tissue"])
def test_two_normals_two_sd_apart(name: str) -> None:
    # AUROC of N(+1, 1) against N(-1, 1) is Phi(2 / sqrt 2) = .9214.
    result = bayes_auroc(load_world(name), NOISE, 1)
    assert result.crude == pytest.approx(norm.cdf(np.sqrt(2)), abs=4 * result.crude_se)
    assert result.within_site == pytest.approx(norm.cdf(np.sqrt(2)), abs=4 * result.within_site_se)
    assert result.crude_se < 0.001


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
