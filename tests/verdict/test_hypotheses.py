"""Hypotheses: handling first, stable coefficients only, ranked, with what is known of each beside it."""

import csv
import io
from dataclasses import replace

import made_proxy
import numpy as np
import pandas as pd
import pytest
from frozen_run import World, dominance, finished_run
from made_dominance import (
    around,
    dominance_record,
    group_attribution,
    intervention_shares,
    surrogate_fidelity,
)
from msgspec import structs

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.proxy.linear import Linear
from cfdna_interp.records.held import ClaimStatus
from cfdna_interp.verdict.candidates import Cohorts, candidates
from cfdna_interp.verdict.hypotheses import as_table, hypotheses
from cfdna_interp.verdict.ladder import Judgement, Judgements
from cfdna_interp.verdict.stable import stable_effects

JUDGED = Judgements(
    Judgement(ClaimStatus.ATTENUATED, "made up", ""), Judgement(ClaimStatus.NOT_PERSON, "made up", "")
)
DEFINED = {"length_mode": "most frequent length"}


def linear(coefficients, spread=0.1):
    """Draws are the coefficients plus and minus twice `spread`, evenly: the interval is known."""
    values = np.array(list(coefficients.values()), dtype=float)
    n = len(values)
    offsets = np.linspace(-2 * spread, 2 * spread, 101)[:, None]
    draws = np.column_stack([np.zeros(101), values + offsets])
    zeros = np.zeros(n)
    return Linear(tuple(coefficients), zeros, zeros, zeros + 1, values, 0.0, 1.0, draws)


def proxy(coefficients, group="fragment_length"):
    return made_proxy.proxy(linear(coefficients), group=group)


def table(names, effects, role, n=40, seed=0):
    """Features of `n` + `n` subjects with the given differences between the classes."""
    rng = np.random.default_rng([seed, role == "heldout"])
    label = np.repeat([1, 0], n)
    X = rng.normal(size=(2 * n, len(names))) + label[:, None] * np.asarray(effects, dtype=float)
    samples = tuple(f"{role[0]}{i}" for i in range(2 * n))
    return Table(
        samples=samples,
        subjects=samples,
        labels=label if role == "discovery" else None,
        X=X,
        names=tuple(names),
        groups=("fragment_length",) * len(names),
        definitions=tuple(DEFINED.get(name, "made up") for name in names),
        obs=pd.DataFrame({"age": rng.uniform(40, 80, 2 * n)}, index=list(samples)),
        simulated=True,
    )


def cohorts(names, effects=None, heldout=None, n=40):
    effects = [1.0] * len(names) if effects is None else effects
    discovery = table(names, effects, "discovery", n)
    tested = table(names, effects if heldout is None else heldout, "heldout", n)
    labels = pd.Series(np.repeat([1, 0], n), index=list(tested.subjects))
    return Cohorts(discovery, tested, labels)


def rows_of(coefficients, group="fragment_length", **changes):
    return hypotheses(
        proxy(coefficients, group),
        dominance(group=group),
        JUDGED,
        cohorts(coefficients, **changes),
        1,
    )


def test_handling_comes_first_whatever_the_verdict():
    first, second = rows_of({"length_mode": 1.0})
    assert "arises in handling" in first.statement
    assert first.handling == "attenuated: made up"
    assert "delays to the spin" in first.control_arm
    assert "lysis of leucocytes" in first.mechanisms_for
    # The control arm has to exclude the difference of the hypothesis that ranks first.
    assert first.control_size == second.control_size
    assert first.rank == first.priority == first.sample_size == ""


def test_only_intervals_that_leave_out_zero_are_hypotheses_and_the_strongest_is_first():
    # The interval is the coefficient +- .19: .15 holds zero, .25 and -.6 don't.
    got = stable_effects(linear({"length_mode": 0.15, "length_q50": 0.25, "length_short_long": -0.6}))
    assert [effect.name for effect in got] == ["length_short_long", "length_q50"]
    assert got[0].coefficient == -0.6
    assert (got[0].low, got[0].high) == pytest.approx((-0.79, -0.41))


def test_neighbouring_bins_of_one_direction_merge():
    got = stable_effects(
        linear(
            {
                "length_bin_110_115": 0.4,  # out of order on purpose
                "length_bin_100_105": 0.3,
                "length_bin_105_110": 0.5,
                "length_bin_115_120": -0.9,  # the other direction
                "length_bin_120_125": 0.05,  # not stable: a gap
                "length_bin_125_130": -0.8,
            }
        )
    )
    assert [(e.name, round(e.coefficient, 6)) for e in got] == [
        ("share of fragments of 115 to 119 bp", -0.9),
        ("share of fragments of 125 to 129 bp", -0.8),
        ("share of fragments of 100 to 114 bp", 0.4),  # mean of .3, .5, .4
    ]
    assert (got[2].low, got[2].high) == pytest.approx((0.21, 0.59))
    assert got[2].members == ("length_bin_100_105", "length_bin_105_110", "length_bin_110_115")


def test_rows_say_direction_share_and_assay_of_the_group():
    rows = rows_of({"length_bin_100_105": 0.5, "length_mode": -0.4}, effects=[1.5, -0.8])
    assert [row.direction for row in rows] == ["either", "higher in cases", "lower in cases"]
    assert rows[1].statement.startswith(
        "Cases have a higher share of fragments of 100 to 104 bp than controls"
    )
    assert rows[1].share_of_attribution == "0.80 [0.70 to 0.90]"
    assert "capillary electrophoresis" in rows[2].assay
    assert "amplicons of 60 and 110 bp" in rows[1].assay
    assert "under 1 %" in rows[1].statement
    assert rows[2].statement == "Cases have a lower length_mode (most frequent length) than controls."
    methylation = rows_of({"methylation_level": 1.0}, "methylation")
    assert "bisulfite amplicons" in methylation[1].assay
    assert "under 1 %" not in methylation[1].statement


def test_a_conditional_coefficient_against_the_plain_difference_is_said_and_ranks_lower():
    same = rows_of({"length_q50": 0.5}, effects=[1.0])[1]
    opposed = rows_of({"length_q50": -0.5}, effects=[1.0])[1]
    assert opposed.direction == "lower in cases"
    assert (
        "a lower length_q50 (made up) speaks for a case; by itself it is higher in cases" in opposed.statement
    )
    # The bench test goes by the plain difference: both replicate alike, at half the score.
    assert (opposed.difference, opposed.heldout_p) == (same.difference, same.heldout_p)
    assert float(opposed.priority) == pytest.approx(float(same.priority) / 2, abs=0.001)


def test_a_difference_that_a_column_explains_is_said_to_be_uncertain():
    given = cohorts(("length_q50",))
    # The feature is the hours to the spin and some noise; cases waited longer.
    hours = given.discovery.X[:, 0]
    explained = replace(
        given.discovery,
        X=(hours + 0.3 * np.random.default_rng(2).normal(size=80))[:, None],
        obs=given.discovery.obs.assign(technical_hours=hours),
    )
    both = (given.discovery, explained)
    rows = [
        hypotheses(proxy({"length_q50": 1.0}), dominance(), JUDGED, replace(given, discovery=table), 1)[1]
        for table in both
    ]
    assert ["it is not certain" in row.statement for row in rows] == [False, True]
    assert float(rows[1].priority) == 0
    assert rows[1].held == "technical_hours, age"
    assert rows[1].control_size.startswith("not known")


def test_q_is_that_of_benjamini_and_hochberg_over_the_hypotheses():
    names = ("length_mode", "length_q50", "length_short_long")
    rows = rows_of(dict.fromkeys(names, 0.5), effects=[0.9, 0.4, 0.6])[1:]
    for p_name, q_name in (("difference_p", "q"), ("heldout_p", "heldout_q")):
        p = sorted((float(getattr(row, p_name)), float(getattr(row, q_name))) for row in rows)
        # Step up: q of the largest p is itself, of the k-th smallest min(p_k m / k, the next q).
        expected = p[2][0]
        for k in (3, 2, 1):
            expected = min(expected, p[k - 1][0] * 3 / k)
            assert p[k - 1][1] == pytest.approx(expected, rel=1e-3)


def test_a_feature_that_does_not_come_back_falls_behind_a_weaker_one_that_does():
    names = {"length_mode": 0.9, "length_q50": 0.3}
    rows = rows_of(names, effects=[1.5, 1.0], heldout=[-1.0, 1.0])[1:]
    assert [row.feature for row in rows] == ["length_q50", "length_mode"]
    assert rows[0].replication == "yes: same direction"
    assert rows[1].replication == "no: not in the direction of discovery"
    assert rows[1].sample_size.startswith("no number would do")


def test_shares_of_the_proxy_add_up():
    found = candidates(
        linear({"length_mode": 1.0, "length_q50": 0.5}),
        ("handling", "not age or sex"),
        cohorts(("length_mode", "length_q50"), effects=[1, 1]),
        1,
    )
    assert sum(item.share for item in found) == pytest.approx(1)


def test_features_that_nothing_is_known_of():
    row = rows_of({"new_kind_of_number": 1.0}, "my_own_group")[1]
    assert row.mechanisms_for == row.mechanisms_against == row.sources == ""
    assert "slower clearance" in row.mechanisms_silent
    assert row.assay.startswith("a measurement of the feature by a method")


def test_lengths_that_only_a_name_tells_are_said_to_be_by_name():
    row = rows_of({"fsd_1p_100_104": 1.0})[1]
    assert "by its name it counts fragments of 100 to 104 bp, which nothing else confirms" in row.statement
    assert "size-selected inside and outside 100-104 bp" in row.assay
    assert "by its name" not in rows_of({"length_bin_100_105": 1.0})[1].statement
    # In a group of another kind two numbers are no lengths.
    group = "coverage_1"
    row = rows_of({"bin_100_104": 1.0}, group)[1]
    assert "bp" not in row.statement
    assert rows_of({"bin_100_104": 1.0}, group)[0].statement.startswith("The difference in coverage 1 ")


def test_neurons_are_excluded_for_lengths_of_the_whole_genome_only():
    said = "cannot be DNA of neurons"
    rows = rows_of({"length_mode": 1.0, "length_q50": 0.9})
    # Once, beside the first of them.
    assert [said in row.statement for row in rows] == [False, True, False]
    # A window, an arm or a feature of unknown kind may hold more of a rare tissue than the genome does.
    for name in ("fsd_1p_100_104", "ratio_window_17"):
        assert not any(said in row.statement for row in rows_of({name: 1.0})), name
    mixed = rows_of({"fsd_1p_100_104": 3.0, "length_mode": 1.0}, effects=[3.0, 1.0])
    assert [said in row.statement for row in mixed] == [False, False, True]
    for group, name in (("methylation", "methylation_level"), ("tissue_of_origin", "tissue_fraction_neuron")):
        assert not any(said in row.statement for row in rows_of({name: 1.0}, group)), group


def test_a_feature_that_the_heldout_cohort_lacks_is_not_tested():
    given = cohorts(("length_mode",))
    lacking = Cohorts(given.discovery, table((), [], "heldout"), given.heldout_labels)
    rows = hypotheses(proxy({"length_mode": 1.0}), dominance(), JUDGED, lacking, 1)
    assert rows[1].replication == "not tested: measured in 0 cases and 0 controls of the held-out cohort"
    assert rows[1].heldout_auroc == rows[1].heldout_q == ""
    assert "0 cases" not in rows[1].sample_size


def test_no_stable_coefficient_leaves_the_handling_row():
    (row,) = rows_of({"length_mode": 0.01})
    assert "arises in handling" in row.statement
    assert row.control_size == ""


def test_no_more_than_ten_are_shown():
    rows = rows_of({f"length_q{i:02d}": 0.5 for i in range(10, 25)})
    assert len(rows) == 11
    assert [row.rank for row in rows[1:]] == [str(i) for i in range(1, 11)]
    scores = [float(row.priority) for row in rows[1:]]
    assert scores == sorted(scores, reverse=True)


def undecided(record, obstacle="no group is dominant"):
    made_up = made_proxy.proxy(None, obstacle)
    (row,) = hypotheses(made_up, record, JUDGED, cohorts(("length_mode",)), 1)
    return row


@pytest.mark.parametrize(
    ("outcome", "remedy"),
    [
        ("redundant", "holds the other"),
        ("suppressor", "no finding by itself"),
        ("interaction", "each alone stays below the signal ceiling"),
        ("none", "so that one group's lead over the next holds in refits"),
        ("can't tell", "interventions that agree"),
    ],
)
def test_without_a_named_group_one_row_says_what_would_decide(outcome, remedy):
    row = undecided(dominance(outcome, None))
    assert remedy in row.statement
    assert row.handling == "attenuated: made up"


def test_what_stood_in_the_way_of_shares_is_what_has_to_change():
    assert "less on context" in undecided(dominance("can't tell", context=0.21)).statement
    poor = surrogate_fidelity(judged=0.7, judged_low=0.6)
    assert "the model itself" in undecided(dominance("can't tell", fidelity=poor)).statement
    assert "features can be measured" in undecided(dominance(), "no feature varies").statement
    empty = undecided(dominance(), "the penalty leaves no feature")
    assert "(fragment length is dominant, but the penalty leaves no feature)" in empty.statement
    assert empty.statement.endswith(
        "To decide: a weaker penalty (proxy.penalty: l2), under a protocol of its own."
    )


def redundant(first, second):
    """All groups have a tenth; these two lead."""
    groups = {group: group_attribution(around(0.1)) for group in BAG_GROUPS}
    groups |= {
        group: group_attribution(around(share), "redundant") for group, share in ((first, 0.5), (second, 0.4))
    }
    return undecided(dominance_record(groups, outcome="redundant")).statement


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        ("fragment_length", "methylation", True),
        ("tissue_of_origin", "fragment_length", True),
        ("methylation", "tissue_of_origin", False),
        ("fragment_length", "end_motif", False),
        ("copy_number", "methylation", False),
    ],
)
def test_experiments_are_named_for_the_groups_that_they_part(first, second, fits):
    statement = redundant(first, second)
    assert "moves one of the leading groups and holds the other" in statement
    assert ("size-selected libraries" in statement) == ("known methylation" in statement) == fits


def test_interventions_can_agree_only_where_there_are_several():
    shares = dict.fromkeys(BAG_GROUPS, 1 / 3)
    entries = (
        intervention_shares("swap", "discovery", shares, 80),
        intervention_shares("swap", "controls", shares, 80),
        intervention_shares("reweight", "discovery", shares, 40, of=80),
    )
    record = structs.replace(dominance("can't tell", None), interventions=entries)
    assert undecided(record).statement.endswith("To decide: a cohort in which more than one group varies.")


def test_what_was_held_is_named_where_a_difference_is_not_certain():
    # No difference is planted, and age is the only column.
    rows = rows_of({"length_mode": 1.0}, effects=[0.0])
    assert rows[1].held == "age"
    assert "with age held it is not certain" in rows[1].statement


def test_statements_have_no_keys_in_them():
    row = undecided(structs.replace(dominance("none"), reason="fragment_length has 40%"))
    assert "(no group is dominant: fragment length has 40%)" in row.statement


def test_the_table_reads_back_and_begins_with_the_columns_it_always_had():
    rows = rows_of({"length_mode": 1.0})
    read = list(csv.DictReader(io.StringIO(as_table(rows)), delimiter="\t"))
    assert [row["statement"] for row in read] == [row.statement for row in rows]
    assert float(read[1]["coefficient"]) == 1
    assert list(read[0])[:9] == [
        "statement", "direction", "coefficient", "low", "high", "share_of_attribution", "handling", "assay",
        "control_arm",
    ]  # fmt: skip


def read_run(world, tmp_path_factory):
    config = finished_run(world, tmp_path_factory.getbasetemp())
    with open(Layout.of(config.outdir).file("hypotheses.tsv"), newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def test_a_planted_length_effect_is_found_held_and_replicated(tmp_path_factory):
    rows = read_run(World(), tmp_path_factory)
    top = rows[1]
    # Planted are 2 SD between the classes in a latent that the sum of the bins tells almost exactly: within
    # three standard errors, of which the interval is four wide.
    width = float(top["difference_high"]) - float(top["difference_low"])
    assert abs(float(top["difference"]) - 2) < 3 / 4 * width
    assert {"age", "sex=M", "site=site1"} <= set(top["held"].split(", "))
    assert "technical_tube=tube1" in top["not_held"]  # the tube is the site here
    assert float(top["heldout_p"]) < 1e-6
    # Φ(2/√2) = .921
    assert float(top["heldout_low"]) < 0.921 < float(top["heldout_high"])
    assert float(top["priority"]) > 0.7


def test_what_only_the_site_brings_has_no_priority(tmp_path_factory):
    rows = read_run(World(effect=0, site_shift=4, agreement=0.75), tmp_path_factory)
    assert len(rows) > 1
    for row in rows[1:]:
        assert float(row["unadjusted"].split("[")[1].split()[0]) > 0.5  # lower end: a large crude difference
        assert float(row["priority"]) < 0.05
        # The bench test goes by what is seen, and it comes back held out: the site does, too.
        assert row["direction"] == "higher in cases"
        assert row["replication"] == "yes: same direction"


def test_a_label_nested_in_site_cannot_be_adjusted_for_and_it_says_so(tmp_path_factory):
    rows = read_run(World(agreement=1.0), tmp_path_factory)
    assert "not held, since the label or the terms before tell them: site=site1" in rows[1]["not_held"]
