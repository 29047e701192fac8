"""Freezing: the same bytes each time, nothing of the held-out labels, everything under a digest."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from frozen_run import SIZES, World, make_run
from msgspec import structs
from stored import stored

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import column_inputs, group_inputs, load_table
from cfdna_interp.artifacts.predictions import load_scores
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.proxy import portable_settings, run_proxy
from cfdna_interp.proxy.score_alignments import extraction_config
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.proxy import ExtractionSettings, Proxy
from cfdna_interp.records.values import Counts

WRITTEN = ("proxy.json", "protocol.json", "scores.proxy.parquet")


def by_score(layout):
    table = {}
    for row in load_scores(layout.scores("proxy")):
        table.setdefault(row.score, {})[row.sample] = row.value
    return table


def test_held_out_labels_are_never_read_and_bytes_repeat(own_copy):
    layout = Layout.of(own_copy.outdir)
    before = [digest_file(layout.file(name)) for name in WRITTEN]
    Path(own_copy.sheet).unlink()
    run_proxy(own_copy)
    assert [digest_file(layout.file(name)) for name in WRITTEN] == before


def test_the_proxy_is_the_baseline_of_the_dominant_group_scored_from_plain_numbers(finished):
    layout = Layout.of(finished.outdir)
    scores = by_score(layout)
    assert scores["proxy"] == scores["baseline_fragment_length"]
    table = load_table(layout.matrix("heldout"))
    record = stored(Proxy, finished).regression
    row = 3
    logit = record.intercept
    for feature in record.features:
        x = table.X[row, table.names.index(feature.name)]
        logit += feature.coefficient * (x - feature.mean) / feature.scale
    assert scores["proxy"][table.samples[row]] == pytest.approx(logit, abs=1e-12)


def test_every_baseline_of_the_contract_is_there(finished):
    groups = tuple(SIZES)
    expected = {"proxy", *(f"baseline_{name}" for name in (*groups, "all", "covariates", "technical"))}
    assert set(by_score(Layout.of(finished.outdir))) == expected


def test_the_protocol_holds_digests_margins_and_features(finished):
    layout = Layout.of(finished.outdir)
    protocol = stored(FrozenProtocol, finished)
    for name, digest in protocol.digests.items():
        assert digest_file(layout.file(name)) == digest
    assert {"features.heldout.h5ad", "scores.model.parquet", "proxy.json"} <= set(protocol.digests)
    assert protocol.margins.necessity_margin == 0.02
    assert protocol.discovery == Counts(case=40, control=40)
    assert len(protocol.features["fragment_length"]) == 12


def test_the_training_range_spans_the_discovery_samples(finished):
    layout = Layout.of(finished.outdir)
    fragments = load_table(layout.matrix("discovery")).obs["technical_fragments"]
    ranges = stored(Proxy, finished).training_range
    assert ranges["fragments"] == (fragments.min(), fragments.max())
    assert set(ranges) == {"fragments", "length_mode"}


def test_without_a_dominant_group_there_is_no_proxy_and_a_reason(tmp_path):
    config = make_run(tmp_path, World(outcome="none", per_class=8))
    run_proxy(config)
    layout = Layout.of(config.outdir)
    proxy = stored(Proxy, config)
    assert proxy.regression is None
    assert proxy.obstacle == "no group is dominant"
    assert "proxy" not in by_score(layout)
    assert "baseline_fragment_length" in by_score(layout)


def test_matrices_that_do_not_belong_together_stop(own_copy):
    layout = Layout.of(own_copy.outdir)
    import anndata

    data = anndata.read_h5ad(layout.matrix("heldout"))
    data[:, :-1].copy().write_h5ad(layout.matrix("heldout"))
    with pytest.raises(InputError, match=r"features\.heldout\.h5ad has other features"):
        run_proxy(own_copy)


def test_a_missing_matrix_names_the_stage(own_copy):
    Layout.of(own_copy.outdir).matrix("heldout").unlink()
    with pytest.raises(InputError, match="run the matrix stage"):
        run_proxy(own_copy)


def test_categories_become_indicators_of_the_discovery_levels(finished):
    layout = Layout.of(finished.outdir)
    discovery, heldout = (load_table(layout.matrix(role)) for role in ("discovery", "heldout"))
    odd = heldout.obs.copy()
    odd.loc[odd.index[:3], "sex"] = ["F", "M", "other"]
    odd.loc[odd.index[3], "sex"] = ""
    inputs = column_inputs(replace(heldout, obs=odd), ("age", "sex", "absent"), discovery)
    assert inputs.names == ("age", "sex=M")
    np.testing.assert_array_equal(inputs.X[:4, 1], [0, 1, 0, np.nan])
    assert group_inputs(heldout, ("methylation",)).names == tuple(f"methylation_{i}" for i in range(5))


def test_settings_travel_with_paths_relative_to_the_proxy(finished, tmp_path):
    home = tmp_path / "study"
    config = structs.replace(
        finished,
        atlas=str(home / "atlas.tsv"),
        reference=structs.replace(
            finished.reference, build=str(home / "build"), fasta="s3://bucket/genome.fa"
        ),
        extract=structs.replace(
            finished.extract, contigs=("chr1", "chr2"), blacklist=str(home / "sub" / "b.bed")
        ),
        features=structs.replace(finished.features, annotation=str(home / "contexts.bed")),
    )
    settings = portable_settings(config, home / "results")
    written = msgspec.json.encode(settings)
    assert str(tmp_path) not in written.decode()
    settings = msgspec.json.decode(written, type=ExtractionSettings)
    moved = tmp_path / "moved"
    again = extraction_config(settings, moved / "results" / "proxy.json", "out")
    assert again.atlas == str(moved / "atlas.tsv")
    assert again.reference.build == str(moved / "build")
    assert again.reference.fasta == "s3://bucket/genome.fa"
    assert again.extract == structs.replace(config.extract, blacklist=str(moved / "sub" / "b.bed"))
    assert again.features == structs.replace(config.features, annotation=str(moved / "contexts.bed"))
    assert again.seed == config.seed
    elsewhere = extraction_config(settings, moved / "proxy.json", "out", config)
    assert (elsewhere.atlas, elsewhere.reference) == (config.atlas, config.reference)
    assert (elsewhere.extract, elsewhere.features) == (config.extract, config.features)
