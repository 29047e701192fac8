"""Decodable beside used, on cohorts whose truth is planted; the null; the stage's file."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_material import PLANTED, planted_encoder, toy_material

from cfdna_interp.config import Config
from cfdna_interp.config.settings import Representation
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.records.base import load_record
from cfdna_interp.records.probes import ConceptProbe, NotProbed, Probes
from cfdna_interp.representation import probe
from cfdna_interp.representation.material import Material, Part
from cfdna_interp.representation.probe import probe_material
from cfdna_interp.stats.resampling import stream


def fitted_to(material: Material) -> CrossFit:
    bags = torch.stack([material.bagged(place) for place in range(len(material.samples))])
    return crossfit(bags, material.labels, material.codes, folds=5, rng=stream(1, "toy"))


def concepts_of(record: Probes) -> dict[str, ConceptProbe]:
    return {probe.concept: probe for probe in record.concepts}


@pytest.fixture(scope="module")
def planted():
    encoder = planted_encoder(tuple(PLANTED), 12, 0.3, 0)
    material = toy_material(60, 800, 3, effect={"length": 2.5}, encoder=encoder)
    fitted = fitted_to(material)
    return material, fitted, probe_material(material, fitted, fragments=12_000, resamples=300)


def test_what_is_planted_is_decodable_and_only_length_is_used(planted):
    found = concepts_of(planted[2])
    assert found["length"].status == "used"
    assert found["label"].status == "used"
    for name in ("methylation_level", "locus", "cpg_count", "level_in_blocks"):
        assert found[name].status == "decodable, not used", found[name].finding
    for name in ("gc", "end_motif", "tissue_class"):
        assert found[name].status == "not decodable", found[name].finding
    for name in ("age", "sex", "site", "batch"):
        assert found[name].status in ("not decodable", "can't tell")


def test_cohorts_without_methylation_are_asked_what_is_left(planted):
    material, fitted, _ = planted

    def bare(place: int) -> Part:
        part = material.load(place)
        none = np.full_like(part.fragments.states, -1)
        fragments = replace(part.fragments, states=none, offsets=none.astype(np.int16))
        return replace(part, fragments=fragments, gc=np.full(len(part), np.nan))

    record = probe_material(replace(material, load=bare), fitted, fragments=3_000, resamples=50)
    assert concepts_of(record)["length"].status == "used"
    assert record.left_out["cpg_count"] == NotProbed(why="constant")
    assert {"methylation_level", "gc"} <= set(record.left_out)


def test_numbers_are_those_of_the_planting(planted):
    record = planted[2]
    found = concepts_of(record)
    # A concept of variance v is written with noise of variance .09: R² v / (v + .09). Lengths are wider than
    # 20 bp by the tilt between people: v = 1 + .3² (1 + 2.5² / 4) = 1.23.
    assert found["length"].score.value == pytest.approx(1.23 / 1.32, abs=0.02)
    assert found["length"].erasure.rank == 1
    assert found["length"].after_erasure < 0.01
    assert found["locus"].after_erasure == pytest.approx(0.5, abs=0.05)
    # The heads lose nearly all they had above chance, and all of it is in the partial cost too.
    lost = found["length"].erasure.cost.value
    assert lost > 0.7 * (record.auroc.value - 0.5)
    assert found["length"].erasure.partial_cost.value == pytest.approx(lost, abs=0.05)
    # Nothing else tells a toy fragment's length; marker blocks bring three calls more.
    assert found["length"].raw < 0.02
    assert found["locus"].raw > 0.85
    assert all(probe.untrained is None for probe in record.concepts)
    assert record.left_out["untrained encoder"] == NotProbed(why="unknown architecture")
    assert (record.subjects, record.samples, record.fragments) == (60, 60, 12_000)


def test_intervals_hold_their_estimates(planted):
    for concept in planted[2].concepts:
        for span in (concept.score, concept.erasure.cost):
            assert span.low <= span.value <= span.high


def test_the_reference_encoder_in_world_length():
    material = toy_material(60, 1_000, 5, effect={"length": 2.5}, dim=16)
    record = probe_material(material, fitted_to(material), fragments=12_000, resamples=300)
    found = concepts_of(record)
    assert found["length"].status == "used", found["length"].finding
    for name in ("methylation_level", "locus"):
        assert found[name].status == "decodable, not used", found[name].finding
    # Training taught the encoder lengths; an untrained one holds them too, in less of a line.
    assert found["length"].untrained < found["length"].score.value
    assert found["label"].untrained is not None


def test_without_a_signal_nothing_is_used():
    for seed in range(3):
        encoder = planted_encoder(tuple(PLANTED), 12, 0.3, seed)
        material = toy_material(40, 200, 20 + seed, effect={}, encoder=encoder)
        record = probe_material(material, fitted_to(material), fragments=4_000, resamples=200)
        assert [probe.concept for probe in record.concepts if probe.status == "used"] == []


def test_what_is_unknown_is_left_out_with_its_cause():
    material = toy_material(30, 200, 2, effect={}, encoder=planted_encoder(("length",), 4, 0.3, 0))
    plainer = Material(
        material.samples,
        lambda place: replaced(material.load(place)),
        material.bags,
        material.encoder,
        material.seed,
    )
    left_out = probe_material(plainer, fitted_to(material), fragments=3_000, resamples=50).left_out
    assert left_out["gc"] == NotProbed(why="seldom known", needed=50, of="fragments")
    assert left_out["end_motif"] == NotProbed(why="few classes", needed=50, of="fragments")
    assert "locus" not in left_out


def replaced(part):
    return type(part)(part.embeddings, part.fragments, np.full(len(part), np.nan), np.full(len(part), -1))


def test_the_stage_writes_the_same_record_again(planted, tmp_path, monkeypatch):
    material, fitted, record = planted
    monkeypatch.setattr(probe, "load_material", lambda config: material)
    monkeypatch.setattr(probe, "load_heads", lambda layout, samples: fitted)
    settings = Representation(fragments=12_000, resamples=300)
    probe.run_probe(Config(sheet="", outdir=str(tmp_path), representation=settings))
    assert load_record(Probes, tmp_path / "probes.json") == record
