"""What stands in proxy.json beside the numbers, and a proxy of other settings all the way to the verdict."""

import anndata
import numpy as np
import pytest
from frozen_run import World, make_run
from msgspec import structs
from stored import stored

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import load_table
from cfdna_interp.artifacts.predictions import load_predictions, load_scores, save_predictions
from cfdna_interp.audit.audit import run_audit
from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.linear import linear_of
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.validate import run_validate
from cfdna_interp.proxy.worth import REPEATS
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.verdict.verdict import run_verdict


def test_the_proxy_says_how_good_how_stable_and_how_faithful_it_is(finished):
    record = stored(Proxy, finished).regression
    cv = record.cv
    assert tuple(fold.auroc for fold in cv.repeats[0]) == cv.auroc_per_fold
    assert cv.mean == cv.repeat_means[0]
    assert len(cv.repeats) == REPEATS
    assert cv.sd_of_repeats == pytest.approx(np.std(cv.repeat_means, ddof=1))
    assert {fold.penalty for folds in cv.repeats for fold in folds} == {"l2"}
    # The made-up model is the latent itself, of which every length bin is a noisy copy.
    fidelity = record.fidelity
    assert fidelity.n == 80
    assert fidelity.pearson.low > 0.8
    assert fidelity.partial.value > 0.7
    assert fidelity.margin == finished.validation.sufficiency_margin
    stability = record.stability
    # 12 features: floor(sqrt(.5 · 12)) = 2 a half, bound 2² / (.5 · 12) = .67.
    assert (stability.per_half, stability.expected_false) == (2, pytest.approx(2 / 3))
    assert [row.name for row in stability.features] == [row.name for row in record.features]
    assert record.recipe.penalty == "l2"


def test_the_protocol_fixes_how_the_proxy_is_built(finished):
    assert stored(FrozenProtocol, finished).proxy == ProxySettings(
        penalty="l2", basis="none", spline_functions=12, components=None, centred=True
    )


def test_a_smooth_sparse_proxy_goes_all_the_way_to_the_verdict(tmp_path):
    config = make_run(tmp_path, World(per_class=20))
    config = structs.replace(config, proxy=ProxySettings(penalty="l1", basis="splines", spline_functions=6))
    layout = Layout.of(config.outdir)
    for role in ("discovery", "heldout"):
        data = anndata.read_h5ad(layout.matrix(role))
        # Three sites: as many as leaving one out needs.
        data.obs["site"] = [f"site{i % 3}" for i in range(len(data))]
        data.write_h5ad(layout.matrix(role), convert_strings_to_categoricals=False)
    for stage in (run_proxy, run_validate, run_audit, run_verdict):
        stage(config)
    linear = linear_of(stored(Proxy, config).regression)
    assert linear.recipe == config.proxy
    # Scores are those of plain numbers on the raw features.
    table = load_table(layout.matrix("heldout"))
    X = table.X[:, [table.names.index(name) for name in linear.names]]
    scores = {row.sample: row.value for row in load_scores(layout.scores("proxy")) if row.score == "proxy"}
    np.testing.assert_allclose([scores[name] for name in table.samples], linear.logits(X), atol=1e-12)
    # Cubic splines through 11 bins: neighbouring coefficients of the bins' own units differ little.
    slopes = (linear.coefficient / linear.scale)[:11]
    assert np.abs(np.diff(slopes, 2)).max() < np.abs(slopes).max()
    assert stored(Audit, config).leave_one_site_out.value > 0.8


def test_a_basis_that_does_not_suit_the_features_stops_and_writes_nothing(tmp_path):
    config = structs.replace(make_run(tmp_path, World(per_class=8)), proxy=ProxySettings(basis="ilr"))
    with pytest.raises(InputError, match=r"proxy\.basis: ilr needs parts of a whole"):
        run_proxy(config)
    assert not Layout.of(config.outdir).file("proxy.json").exists()


def test_predictions_of_other_samples_stop(own_copy):
    path = Layout.of(own_copy.outdir).file("predictions.discovery.parquet")
    save_predictions(load_predictions(path)[1:], path)
    with pytest.raises(
        InputError, match=r"sample D000: .*predictions\.discovery\.parquet.*run the train stage"
    ):
        run_proxy(own_copy)
