"""Mechanisms: every one sourced, and matched with differences by what it predicts."""

import re

import numpy as np
import pytest
import yaml

from cfdna_interp.config.resources import shipped
from cfdna_interp.errors import InputError
from cfdna_interp.verdict.explanations import SEPARATOR, explain
from cfdna_interp.verdict.lengths import Counted, Range, counted
from cfdna_interp.verdict.mechanisms import catalogue, read_catalogue
from cfdna_interp.verdict.stable import Effect

FILE = shipped("resources", "mechanisms.yaml")
NOTHING = Counted(None, None)


def mechanism(name):
    return next(m for m in catalogue().mechanisms if m.name == name)


def fit(name, group, feature, sign, lengths=NOTHING):
    return catalogue().fit(mechanism(name), group, feature, sign, lengths)


@pytest.mark.parametrize("found", catalogue().mechanisms, ids=lambda m: m.name)
def test_every_mechanism_has_a_source_a_prediction_and_what_speaks_against_it(found):
    assert found.sources
    for source in found.sources:
        assert source.authors and source.title and source.journal
        assert 1980 < source.year < 2030
        assert source.doi == "" or re.fullmatch(r"10\.\d{4,9}/\S+", source.doi)
    assert found.prediction and found.against and found.assay
    for prediction in found.lengths:
        assert prediction.lengths.low < prediction.lengths.high
    # One cell holds several entries.
    assert SEPARATOR not in " ".join((found.title, found.prediction, found.against, found.assay))


def test_names_are_unique_and_all_families_are_there():
    names = [m.name for m in catalogue().mechanisms]
    assert len(set(names)) == len(names)
    families = {m.family for m in catalogue().mechanisms}
    assert families == {"handling", "nuclease", "nucleosome", "clearance", "blood cells", "tissue"}
    assert [m.name for m in catalogue().mechanisms if m.handling] == [
        "leucocyte_lysis",
        "loss_of_short_fragments",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sources": []}, "has no sources"),
        ({"against": ""}, "has no against"),
        ({"methylation": "up"}, "answers 'up'"),
        ({"surprise": 1}, "surprise"),
        ({"lengths": [{"low": 1, "high": 2}]}, "direction"),
        ({"lengths": [{"low": 1, "high": 2, "direction": "up"}]}, "up"),
    ],
)
def test_a_file_that_breaks_the_rules_names_the_mechanism(tmp_path, change, message):
    record = yaml.safe_load(FILE.read_text())
    record["mechanisms"][0] |= change
    path = tmp_path / "mechanisms.yaml"
    path.write_text(yaml.safe_dump(record))
    with pytest.raises(InputError, match=f"'leucocyte_lysis'.*{message}"):
        read_catalogue(path)


@pytest.mark.parametrize(
    ("name", "lengths", "sign", "expected"),
    [
        # Lysis: fewer of 60-150 bp, more from 221 bp on.
        ("leucocyte_lysis", Counted(Range(100, 144), None), -1, "fits"),
        ("leucocyte_lysis", Counted(Range(100, 144), None), 1, "against"),
        ("leucocyte_lysis", Counted(Range(300, 399), None), 1, "fits"),
        ("leucocyte_lysis", Counted(Range(160, 199), None), 1, "silent"),
        # 40 of 100 bp lie in what it speaks of: fewer than half.
        ("leucocyte_lysis", Counted(Range(111, 210), None), -1, "silent"),
        # Both sides of a ratio count: 51 bp above (agrees), none of 151-220.
        ("tissue_release", Counted(Range(100, 150), Range(151, 220)), 1, "fits"),
        ("tissue_release", Counted(Range(100, 150), Range(151, 220)), -1, "against"),
        # The short end and the multi-nucleosomal end both rise without DNASE1L3: their ratio says nothing.
        ("dnase1l3_loss", Counted(Range(70, 119), Range(260, 309)), 1, "silent"),
        ("dnase1l3_loss", Counted(Range(60, 119), None), 1, "fits"),
        ("slower_clearance", Counted(Range(60, 119), None), 1, "silent"),
        ("open_chromatin", NOTHING, 1, "silent"),
    ],
)
def test_length_ranges(name, lengths, sign, expected):
    assert fit(name, "fragment_length", "made_up", sign, lengths) == expected


@pytest.mark.parametrize(
    ("name", "group", "feature", "sign", "expected"),
    [
        ("open_chromatin", "methylation", "methylation_level", -1, "fits"),
        ("open_chromatin", "methylation", "methylation_level", 1, "against"),
        ("open_chromatin", "methylation", "methylation_entropy", -1, "silent"),
        ("dnase1l3_loss", "methylation", "methylation_level", 1, "against"),  # it does not touch methylation
        ("leucocyte_lysis", "methylation", "methylation_level", 1, "silent"),
        ("leucocyte_lysis", "tissue_of_origin", "tissue_fraction_blood_granul", 1, "fits"),
        ("leucocyte_lysis", "tissue_of_origin", "tissue_marker_hepatocyte", 1, "against"),
        ("tissue_release", "tissue_of_origin", "tissue_marker_hepatocyte", 1, "fits"),
        ("dnase1_excess", "fragment_length", "length_ladder_10bp", -1, "fits"),
        ("dnase1_excess", "fragment_length", "length_ladder_10bp", 1, "against"),
        ("tissue_release", "end_motif", "motif_diversity", 1, "silent"),
        ("tissue_release", "another_group", "anything", 1, "silent"),
    ],
)
def test_other_groups(name, group, feature, sign, expected):
    assert fit(name, group, feature, sign) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("blood_mono_macro", True),
        ("neutrophils_epic", True),
        ("b_cells_epic", True),
        ("cd4t_cells_epic", True),
        ("erythrocyte_progenitors", True),
        ("t_nk_lymphocyte", True),
        ("hepatocyte", False),
        ("bladder", False),  # begins with a b and is none
        ("thyroid", False),
        ("neuron", False),
    ],
)
def test_cells_of_the_blood(name, expected):
    assert catalogue().is_blood(name) is expected


def effect(*members):
    return Effect(members[0], 1.0, 0.5, 1.5, members)


@pytest.mark.parametrize(
    ("members", "means", "expected"),
    [
        (("length_bin_100_105", "length_bin_105_110"), {}, (Range(100, 109), None)),
        (("length_short_long",), {}, (Range(100, 150), Range(151, 220))),
        (("length_upto_150",), {}, (Range(60, 150), None)),
        (("length_q50",), {"length_q50": 165.2}, (Range(166, 225), Range(106, 165))),
        (("length_q05",), {"length_q05": 101.0}, (Range(102, 161), Range(60, 101))),
        (("length_mode",), {"length_mode": np.nan}, (Range(168, 227), Range(108, 167))),
        (("length_below_mode",), {"length_mode": 160.0}, (Range(100, 140), None)),
        (("fsd_5p_100_104",), {}, (Range(100, 104), None, True)),
        (("short_20_1000",), {}, (Range(20, 1000), None, True)),
        (("fsd_9_3",), {}, (None, None)),
        (("visit_3_14",), {}, (None, None)),
        (("window_100000_200000",), {}, (None, None)),
        (("length_ladder_10bp",), {}, (None, None)),
        (("whatever",), {}, (None, None)),
    ],
)
def test_what_a_length_feature_counts(members, means, expected):
    assert counted(effect(*members), means) == Counted(*expected)


def test_handling_may_have_acted_on_either_class():
    found = explain("fragment_length", "length_bin_100_105", 1, Counted(Range(100, 144), None))
    whose = {item.mechanism.name: item.whose for item in found.fitting if item.mechanism.handling}
    # More short fragments in cases: it was the controls' blood that stood, or lost its short fragments.
    assert whose == dict.fromkeys(
        ("leucocyte_lysis", "loss_of_short_fragments"), " (in the controls' samples)"
    )
    names = [item.mechanism.name for item in found.fitting]
    assert "tissue_release" in names
    assert [m.name for m in found.against] == ["blood_cell_turnover"]
    assert "slower_clearance" in [m.name for m in found.silent]
    assert len(names) + len(found.against) + len(found.silent) == len(catalogue().mechanisms)
    cells = found.cells()
    assert cells["sources"].count("Zheng et al.") == 1  # cited by two
