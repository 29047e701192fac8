"""Features that may bend: splines by hand, a planted U-shape, and straight worlds that stay straight."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from table_worlds import GROUPS, cross_fitted_auroc, planted

from cfdna_interp.attribution.tabular import model
from cfdna_interp.attribution.tabular.bends import fit_bends
from cfdna_interp.attribution.tabular.cohort import DiscoveryFeatures, FoldedFeatures, fold_cohort
from cfdna_interp.attribution.tabular.features import feature_contributions
from cfdna_interp.attribution.tabular.model import contributions_of
from cfdna_interp.attribution.tabular.refits import fit_model
from cfdna_interp.attribution.tabular.weighting import weightings

LENGTH = GROUPS[0]


def folded(world: str, per_class: int, seed: int) -> FoldedFeatures:
    table = planted(world, 2 * per_class, np.random.default_rng([7, seed]))
    return fold_cohort(DiscoveryFeatures.of(table), folds=5, seed=seed)


def straight_auroc(one: FoldedFeatures) -> float:
    """Return what the model reaches where nothing may bend."""

    def only_lines(encoder: object, present: tuple[str, ...]) -> tuple[object, ...]:
        return tuple(found for found in weightings(encoder, present) if not found.bent)  # type: ignore[arg-type]

    with patch.object(model, "weightings", only_lines):
        return cross_fitted_auroc(one, fit_model(one))


def bent_folds(one: FoldedFeatures) -> list[bool]:
    fits = fit_model(one)
    return [fits.weighting(number).bent for number in range(len(one.folds))]


def test_a_bend_is_a_natural_cubic_spline_without_its_line() -> None:
    # Natural: straight beyond the outer knots, and between them the cubic spline through its own values at
    # the knots with no curvature at the ends. Its line is taken off: no slope is left on the training rows.
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 1))
    bends = fit_bends(x, np.eye(400))
    bent = bends.bend(x)[:, 0]
    assert abs(np.corrcoef(bent, x[:, 0])[0, 1]) < 1e-9
    assert (bent.mean(), bent.std()) == pytest.approx((0, 1), abs=1e-9)
    knots = bends.knots[:, 0]
    np.testing.assert_allclose(knots, np.quantile(x, [0.1, 0.5, 0.9]))
    inside = np.linspace(knots[0], knots[2], 50)
    natural = CubicSpline(knots, bends.bend(knots[:, None])[:, 0], bc_type="natural")
    np.testing.assert_allclose(bends.bend(inside[:, None])[:, 0], natural(inside), atol=1e-9)
    for outer in (np.linspace(-6, knots[0], 9), np.linspace(knots[2], 6, 9)):
        np.testing.assert_allclose(np.diff(bends.bend(outer[:, None])[:, 0], 2), 0, atol=1e-9)


def test_a_feature_with_too_few_values_has_no_bend() -> None:
    # Two values, a constant, and a count that is nearly always 0: the knots coincide.
    rare = np.zeros(50)
    rare[:3] = 1, 2, 5
    X = np.column_stack([np.arange(50) % 2, np.ones(50), rare]).astype(float)
    assert not fit_bends(X, np.eye(50)).bend(X).any()


@pytest.mark.parametrize("seed", range(3))
def test_cases_at_both_ends_are_seen(seed: int) -> None:
    # 100 + 100; the distance from the middle tells the classes with AUROC .80 (normal classes 1.2 SD apart).
    one = folded("bent", 100, seed)
    assert straight_auroc(one) < 0.62
    assert cross_fitted_auroc(one, fit_model(one)) > 0.70
    assert all(bent_folds(one))
    phi = contributions_of(one, fit_model(one)).phi[0]
    # The bent group leads; what is left to the others is the noise of their fits.
    sizes = np.abs(phi).sum(axis=0)
    assert sizes[0] > 2 * sizes[1:].max()


def test_straight_worlds_stay_straight_and_lose_nothing() -> None:
    # One standard error lets about a twentieth pass; 60 fits, and a tenth of them is seldom exceeded.
    worlds = [folded(world, 50, seed) for world in ("pair", "length", "null") for seed in range(4)]
    assert np.mean([bent for one in worlds for bent in bent_folds(one)]) <= 0.1
    lost = [straight_auroc(one) - cross_fitted_auroc(one, fit_model(one)) for one in worlds]
    assert np.mean(lost) < 0.01


def test_contributions_of_bent_features_add_up() -> None:
    # Of a group over its features, and of groups over the logit; and they are Shapley values of the mean over
    # all donors: the logit with the group's own columns less that with each donor's, on average.
    one = folded("bent", 60, 3)
    fits = fit_model(one)
    given, phi = contributions_of(one, fits), feature_contributions(one, fits)
    assert any(bent_folds(one))
    assert given.completeness[0] < 1e-9
    for place, columns in enumerate(one.cohort.groups.values()):
        np.testing.assert_allclose(phi[:, columns].sum(axis=1), given.phi[0, :, place], atol=1e-9)
    for number, fold in enumerate(one.folds):
        subject, span = fold.test[0], fold.encoder.spans[LENGTH]
        mixed = np.tile(fold.Z[subject], (len(fold.Z), 1))
        mixed[:, span] = fold.Z[:, span]
        lost = (fold.Z[subject] - mixed) @ fits.coefficient[number][:, 0]
        assert given.phi[0, subject, 0] == pytest.approx(lost.mean())
