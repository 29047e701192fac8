"""The stages train, attribute, refit and dominance on a tiny run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec import structs
from msgspec.structs import astuple
from toy_run import write_cohort

from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.files import write_text
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import load_predictions, load_scores
from cfdna_interp.attribution.attribute import run_attribute
from cfdna_interp.attribution.coalition_values import coalition_values
from cfdna_interp.attribution.dataset import load_cohort, load_heads, load_reference
from cfdna_interp.attribution.dominance import run_dominance
from cfdna_interp.attribution.embed import run_embed
from cfdna_interp.attribution.refit import run_refit
from cfdna_interp.attribution.route import subsets_of
from cfdna_interp.attribution.train import run_train
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Attribution, Model
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.retraining import Retraining


def embedded(folder: Path, **model: object) -> Config:
    write_cohort(Layout.of(folder))
    config = Config(
        sheet="",
        outdir=str(folder),
        model=Model(dim=4, bag_size=64, folds=2, ensemble=2, **model),  # type: ignore[arg-type]
        attribution=Attribution(bootstrap=3, permutations=3, chunks=2, gradient_steps=16),
    )
    for role in ("discovery", "heldout"):
        run_embed(config, role)
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = embedded(tmp_path_factory.mktemp("run"))
    run_train(config)
    for chunk in range(2):
        run_attribute(config, chunk)
        run_refit(config, chunk)
    run_dominance(config)
    return config


def test_every_combination_has_all_values_or_says_why_not(run: Config) -> None:
    layout = Layout.of(run.outdir)
    table = pd.read_parquet(layout.file("coalitions.parquet"))
    counts = table.groupby(["intervention", "reference"]).size()
    # 10 samples x 8 coalitions x 5 donors. Five controls are too few for five pools of two, and too few for
    # five matched donors where the sample is one of them itself.
    assert set(counts.index) == {("swap", "discovery"), ("reweight", "discovery")}
    assert (counts == 400).all()
    assert list(table["sample"].unique()) == [f"S{i}" for i in range(10)]
    record = load_record(Dominance, layout.file("dominance.json"))
    assert set(record.not_applicable) == {"edit", "controls", "matched"}
    assert "give at least 10 discovery controls" in record.not_applicable["controls"]
    assert "reference.fasta" in record.not_applicable["edit"]
    assert record.completeness < 1e-5
    for entry in record.interventions:
        if entry.shares is not None:
            assert sum(share.value or 0 for share in entry.shares.share.values()) == pytest.approx(1)


def test_values_of_the_main_intervention_are_those_that_refits_see(run: Config) -> None:
    layout = Layout.of(run.outdir)
    table = pd.read_parquet(layout.file("coalitions.parquet"))
    main = table[(table.intervention == "swap") & (table.reference == "discovery")]
    cohort = load_cohort(run, "discovery")
    fitted = load_heads(layout, kept_samples(layout, "discovery"))
    expected = coalition_values(cohort, fitted, load_reference(layout))
    np.testing.assert_allclose(main["value"], expected.values.reshape(-1), atol=1e-6)
    anchors = main["reference_value"].to_numpy().reshape(10, 8, 5)
    np.testing.assert_allclose(anchors, np.repeat(expected.reference[:, None], 8, axis=1), atol=1e-6)


def test_more_chunks_than_samples_or_refits_are_an_error(run: Config) -> None:
    many = structs.replace(run, attribution=structs.replace(run.attribution, chunks=11))
    with pytest.raises(InputError, match=r"attribution\.chunks is 11, but 10 discovery samples .* lower it"):
        run_attribute(many, 10)
    # Three bootstraps and three permutations.
    with pytest.raises(InputError, match=r"attribution\.chunks is 11, but there are 6 refits; lower it"):
        run_refit(many, 6)


def test_chunks_give_the_same_values(run: Config, tmp_path: Path) -> None:
    layout = Layout.of(run.outdir)
    whole = pd.read_parquet(layout.file("coalitions.parquet"))
    for path in layout.root.rglob("*"):
        target = tmp_path / path.relative_to(layout.root)
        if path.is_file() and path.parent.name != "attributed":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    other = structs.replace(run, outdir=str(tmp_path), attribution=structs.replace(run.attribution, chunks=5))
    parts = []
    for chunk in range(5):
        run_attribute(other, chunk)
        parts.append(pd.read_parquet(Layout.of(tmp_path).attributed(chunk)))
    keys = ["sample", "intervention", "reference", "coalition", "donor"]
    again = pd.concat(parts).set_index(keys)["value"]
    pd.testing.assert_series_equal(again.sort_index(), whole.set_index(keys)["value"].sort_index())


def test_maps_add_up_to_the_gradients(run: Config) -> None:
    layout = Layout.of(run.outdir)
    maps = pd.read_parquet(layout.file("maps.parquet"))
    assert set(maps.kind) == {"length", "range", "region", "cpg", "locus"}
    for _, cohort in maps.groupby("cohort"):
        totals = cohort.groupby(["kind", "group"])["mean"].sum().unstack("group")
        for group in BAG_GROUPS:
            assert np.ptp(totals[group]) < 1e-9
    record = load_record(Dominance, layout.file("dominance.json")).gradients
    assert record is not None
    assert record.completeness <= 0.01
    shares = np.array([astuple(share) for share in record.share.values()])
    assert shares[:, 0].sum() == pytest.approx(1)
    assert (shares[:, 1] <= shares[:, 0]).all() and (shares[:, 0] <= shares[:, 2]).all()


def test_random_weights_are_reported_from_the_read_out_down(run: Config) -> None:
    record = load_record(Dominance, Layout.of(run.outdir).file("dominance.json")).randomised
    assert [entry.depth for entry in record] == ["head", "last_layer", "body", "tables"]
    for entry in record:
        assert entry.cosine is not None and entry.cosine_low is not None and entry.cosine_high is not None
        assert -1 <= entry.cosine_low <= entry.cosine <= entry.cosine_high <= 1


def test_values_of_another_cohort_are_refused(run: Config, tmp_path: Path) -> None:
    layout = Layout.of(run.outdir)
    table = pd.read_parquet(layout.attributed(0))
    keep = layout.attributed(0).read_bytes()
    try:
        table[table["sample"] != "S0"].to_parquet(layout.attributed(0))
        with pytest.raises(InputError, match="run the attribute stage again"):
            run_dominance(run)
    finally:
        layout.attributed(0).write_bytes(keep)


def test_a_model_known_by_its_scores_keeps_them_and_says_how_well_it_is_followed(tmp_path: Path) -> None:
    scores = tmp_path / "scores.tsv"
    # A held-out score that no surrogate says: it may move the model's own score and no other.
    given = {f"S{i}": (i - 5) / 2 for i in range(11)} | {"S11": 900.0}
    write_text(scores, "sample\tlogit\n" + "".join(f"{name}\t{value}\n" for name, value in given.items()))
    config = embedded(tmp_path / "run", encoder="table", checkpoint=str(scores))
    run_train(config)
    layout = Layout.of(config.outdir)
    frozen = load_scores(layout.scores("model"))
    model = {score.sample: score.value for score in frozen if score.score == "model"}
    assert model == {"S10": 2.5, "S11": 900.0}
    rest = [score for score in frozen if score.score != "model"]
    assert {score.score for score in rest} == {"surrogate", *subsets_of(BAG_GROUPS)} - {"model"}
    assert max(abs(score.value) for score in rest) < 100
    predictions = load_predictions(layout.file("predictions.discovery.parquet"))
    assert {item.sample: item.logit for item in predictions} == {f"S{i}": given[f"S{i}"] for i in range(10)}
    record = load_record(Retraining, layout.file("retraining.json")).fidelity
    assert record is not None
    assert record.n == 10 and record.low <= record.correlation <= record.high
    # Ten subjects of noise: the surrogate can't follow the scores, so no group is named.
    for chunk in range(2):
        run_attribute(config, chunk)
        run_refit(config, chunk)
    run_dominance(config)
    verdict = load_record(Dominance, layout.file("dominance.json"))
    assert (verdict.outcome, verdict.group) == ("can't tell", None)
    assert "surrogate" in verdict.reason
