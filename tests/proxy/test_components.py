"""Principal components never take away from inputs that are no more than are to be kept."""

import numpy as np
import pytest
from frozen_run import World, make_run
from msgspec import structs

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Inputs, load_table
from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.proxy.baselines import fit_all
from cfdna_interp.proxy.fit import fit
from cfdna_interp.proxy.steps import Components


@pytest.mark.parametrize(
    ("samples", "columns", "wanted", "kept"),
    # All columns where they are no more; n samples span n - 1 directions about their mean.
    [(30, 2, 10, 2), (30, 10, 10, 10), (30, 11, 10, 10), (30, 12, 3, 3), (6, 20, 10, 5), (6, 4, 10, 4)],
)
def test_as_many_directions_are_kept_as_there_are(samples, columns, wanted, kept):
    X = np.random.default_rng(1).normal(size=(samples, columns))
    found = Components(wanted).fit(X).components_
    assert found.shape == (kept, columns)
    np.testing.assert_allclose(found @ found.T, np.eye(kept), atol=1e-9)


@pytest.mark.parametrize(("wanted", "said"), [(10, None), (2, None), (1, 1)])
def test_two_inputs_that_tell_apart_together_stay_two(wanted, said):
    # The common part has nearly all variance and no signal, the difference of the two has it: one direction
    # of largest variance is the useless one.
    rng = np.random.default_rng(2)
    y = np.tile([1, 0], 40)
    common, own = 5 * rng.normal(size=80), y + 0.3 * rng.normal(size=80)
    inputs = Inputs(("a", "b"), np.column_stack([common + own, common - own]))
    linear = fit(
        inputs,
        y,
        np.arange(80).astype(str),
        np.random.default_rng(3),
        settings=ProxySettings(components=wanted),
    )
    assert linear.recipe.components == said
    if said is None:
        plain = fit(inputs, y, np.arange(80).astype(str), np.random.default_rng(3))
        np.testing.assert_allclose(linear.coefficient, plain.coefficient, atol=1e-9)


def test_columns_of_the_sheet_are_never_reduced(tmp_path):
    config = make_run(tmp_path, World(per_class=20))
    table = load_table(Layout.of(config.outdir).matrix("discovery"))
    plain, _ = fit_all(config, table, None)
    reduced, _ = fit_all(structs.replace(config, proxy=ProxySettings(components=1)), table, None)
    for score in ("baseline_covariates", "baseline_technical"):
        np.testing.assert_array_equal(reduced[score].coefficient, plain[score].coefficient)
    assert reduced["baseline_all"].recipe.components == 1
