"""Each caution where it is true and nowhere else: a clean record has none, one change makes exactly one."""

from copy import deepcopy

import made_audit
import pytest

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.values import Interval
from cfdna_interp.records.verdict import Verdict
from cfdna_interp.verdict.cautions import against, cautions

GROUP = "fragment_length"


def interval(value, low, high):
    return {"value": value, "low": low, "high": high, "method": "made up"}


def both(discovery, heldout, fall, p):
    return {
        "discovery": interval(*discovery),
        "heldout": interval(*heldout),
        "fall": fall[0],
        "low": fall[1],
        "high": fall[2],
        "p": p,
    }


def pair(a, b, difference, low, high, better=""):
    return {
        "a": a,
        "b": b,
        "difference": difference,
        "low": low,
        "high": high,
        "p_holm": 0.004,
        "better": better,
    }


def calibrated():
    return {
        "calibration": {
            "slope": interval(0.9, 0.6, 1.2),
            "intercept": interval(0.1, -0.3, 0.5),
            "in_the_large": interval(0.1, -0.3, 0.5),
        }
    }


def group(word, better_without=False):
    cost = interval(-0.121, -0.18, -0.06) if better_without else interval(0.2, 0.1, 0.3)
    return {
        "role": "carrier",
        "alone": both((0.81, 0.72, 0.88), (0.41, 0.34, 0.49), (0.4, 0.3, 0.5), 1e-9),
        "cost": {"discovery": 0.2, "heldout": cost},
        "better_without": better_without,
        "word": word,
    }


def clean():
    """A run against which nothing stands."""
    held = both((0.85, 0.78, 0.9), (0.84, 0.75, 0.9), (0.01, -0.1, 0.12), 0.8)
    validation = {
        "n": {"case": 40, "control": 41},
        "discovery": {"case": 42, "control": 43},
        "scores": {"model": calibrated(), "proxy": calibrated()},
        "groups": {GROUP: group("holds"), "methylation": group("no claim"), "tss_score": group("not told")},
        "repeated": {"model": held | {"word": "holds"}, "proxy": held | {"word": "not told"}},
        "paired": [
            pair("model", f"model_without_{GROUP}", 0.2, 0.1, 0.3, "model"),
            pair("model", "proxy", 0.02, -0.02, 0.06),
            pair("model", "baseline_covariates", 0.2, 0.1, 0.3, "model"),
            pair("proxy", "baseline_all", -0.02, -0.06, 0.02),
        ],
        "detectable": {"auroc": 0.68, "power": 0.8, "alpha": 0.05},
    }
    return GROUP, validation


def found(change=None):
    named, validation = deepcopy(clean())
    if change is not None:
        change(named, validation)
    protocol = {"corrected": {"how": "none", "by": "", "over": "both roles"}, "left_out": {}}
    return cautions(named, validation, made_audit.audit(), protocol)


def only(change):
    (caution,) = found(change)
    return caution


def test_nothing_stands_against_a_clean_run():
    assert found() == ()


def test_a_reversed_group_that_the_model_is_better_without():
    caution = only(lambda d, v: v["groups"].update(tss_score=group("reversed", better_without=True)))
    assert caution.kind == "group reversed"
    assert caution.sentence == (
        "Tss score has reversed: alone it reaches AUROC 0.81 [0.72 to 0.88] in discovery (cross-fitted, n = "
        "42 cases + 43 controls) and 0.41 [0.34 to 0.49] on the 40 held-out cases and 41 controls; held out, "
        "the model retrained without it is better by 0.121 [0.060 to 0.180]."
    )
    assert caution.finding.group == "tss_score"
    assert caution.finding.heldout == Interval(value=0.41, low=0.34, high=0.49)


def test_a_reversed_group_is_not_said_to_hurt_where_it_does_not_and_the_named_one_is_told():
    other = only(lambda d, v: v["groups"].update(tss_score=group("reversed")))
    assert "is better by" not in other.sentence
    assert "that the verdict names" not in other.sentence
    named = only(lambda d, v: v["groups"].update({GROUP: group("reversed")}))
    assert named.sentence.endswith("; it is the group that the verdict names.")


def test_of_a_model_known_by_its_scores_it_is_the_surrogate_that_was_retrained():
    def change(named, validation):
        validation["groups"]["tss_score"] = group("reversed", better_without=True)
        validation["scores"]["surrogate"] = calibrated()

    assert "held out, the surrogate retrained without it is better by" in only(change).sentence


def test_a_group_that_fell():
    caution = only(lambda d, v: v["groups"].update(tss_score=group("weaker")))
    assert caution.kind == "group weaker"
    assert caution.sentence.startswith(
        "Tss score alone reaches less in new people: AUROC 0.81 [0.72 to 0.88] in"
    )
    assert caution.sentence.endswith("a fall of 0.40 [0.30 to 0.50] (p 1e-09).")


@pytest.mark.parametrize(("score", "name"), [("model", "The model"), ("proxy", "The proxy")])
def test_a_score_that_fell_from_95_to_67(score, name):
    def change(named, validation):
        fell = both((0.95, 0.9, 0.98), (0.67, 0.55, 0.78), (0.28, 0.15, 0.41), 2e-5)
        validation["repeated"][score] = fell | {"word": "weaker"}

    caution = only(change)
    assert caution.kind == "score weaker"
    assert caution.sentence == (
        f"{name} reaches less in new people: AUROC 0.95 [0.90 to 0.98] in discovery (cross-fitted, n = 42 "
        "cases + 43 controls) and 0.67 [0.55 to 0.78] on the 40 held-out cases and 41 controls, a fall of "
        "0.28 [0.15 to 0.41] (p 2e-05)."
    )


def test_a_score_that_reversed():
    def change(named, validation):
        validation["repeated"]["model"]["word"] = "reversed"

    caution = only(change)
    assert (caution.kind, caution.sentence[:28]) == ("score reversed", "The model has reversed: it r")


def test_a_baseline_that_beats_the_model():
    row = pair("model", "baseline_covariates", -0.228, -0.286, -0.170, "baseline_covariates")
    caution = only(lambda d, v: v["paired"].append(row))
    assert caution.kind == "baseline better"
    assert caution.sentence == (
        "A logistic regression on the covariates alone does better than the model by 0.228 [0.170 to 0.286] "
        "of AUROC on the 40 held-out cases and 41 controls (p after Holm 0.004)."
    )


@pytest.mark.parametrize(
    ("baseline", "name"),
    [
        ("baseline_all", "A logistic regression on all groups does"),
        ("baseline_technical", "A logistic regression on the technical columns alone does"),
        ("baseline_end_motif", "A logistic regression on end motif alone does"),
    ],
)
def test_baselines_are_named(baseline, name):
    row = pair("proxy", baseline, -0.1, -0.15, -0.05, baseline)
    assert only(lambda d, v: v["paired"].append(row)).sentence.startswith(name)


def test_a_model_that_is_better_without_a_group_is_no_baseline():
    row = pair("model", "model_without_x", -0.1, -0.2, -0.05, "model_without_x")
    assert found(lambda d, v: v["paired"].append(row)) == ()


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        ((0.45, 0.2, 0.999), "too extreme (calibration slope 0.45 [0.20 to 1.00], 1 is perfect)"),
        ((2.0, 1.001, 3.0), "too timid (calibration slope 2.00 [1.00 to 3.00]"),
        ((0.45, 0.2, 1.0), ""),
        ((2.0, 1.0, 3.0), ""),
        ((None, None, None), ""),  # classes that the logit separates
    ],
)
def test_a_slope_counts_where_its_interval_excludes_1(slope, said):
    def change(named, validation):
        validation["scores"]["proxy"]["calibration"]["slope"] = interval(*slope)

    got = found(change)
    assert [caution.kind for caution in got] == (["calibration off"] if said else [])
    if said:
        assert got[0].sentence.startswith(
            "Chances read off the proxy are wrong on the 40 held-out cases and 41 controls: "
        )
        assert said in got[0].sentence
        assert "they promise" not in got[0].sentence


@pytest.mark.parametrize(
    ("large", "said"),
    [
        ((-1.2, -1.9, -0.5), "they promise more cases than there are"),
        ((1.2, 0.5, 1.9), "they promise fewer cases than there are"),
        ((0.4, 0.0, 0.8), ""),
    ],
)
def test_the_mean_prediction_counts_where_its_interval_excludes_0(large, said):
    def change(named, validation):
        validation["scores"]["model"]["calibration"]["in_the_large"] = interval(*large)

    got = found(change)
    assert len(got) == bool(said)
    if said:
        assert said in got[0].sentence
        assert "cases are 49 % in discovery and 49 % held out" in got[0].sentence
        assert "calibration slope" not in got[0].sentence


@pytest.mark.parametrize(("key", "role"), [("n", "held out"), ("discovery", "in discovery")])
def test_few_subjects(key, role):
    caution = only(lambda d, v: v.update({key: {"case": 29, "control": 40}}))
    assert caution.kind == "few subjects"
    assert caution.sentence.startswith(f"Few subjects: 29 cases + 40 controls {role}. With n = ")
    assert "only an AUROC of 0.68 or more is told from 0.50 with a power of 80 %" in caution.sentence
    assert found(lambda d, v: v.update({key: {"case": 30, "control": 30}})) == ()


def test_the_gravest_stands_first():
    def change(named, validation):
        validation["n"] = {"case": 20, "control": 20}
        validation["groups"][GROUP] = group("weaker")
        validation["groups"]["tss_score"] = group("reversed")

    assert [c.kind for c in found(change)] == ["group reversed", "group weaker", "few subjects"]


def test_what_speaks_against_is_told_from_what_is_only_to_know():
    def change(named, validation):
        validation["n"] = {"case": 20, "control": 20}
        validation["groups"][GROUP] = group("weaker")

    assert against(found(change)) == ("group weaker",)
    assert against(found()) == ()


def test_the_stage_writes_what_the_rule_finds(finished):
    layout = Layout.of(finished.outdir)
    named = load_record(Dominance, layout.file(Dominance.FILE)).group
    validation, protocol = (read_json(layout.file(f"{name}.json")) for name in ("validation", "protocol"))
    audit, verdict = (load_record(kind, layout.file(kind.FILE)) for kind in (Audit, Verdict))
    assert verdict.cautions == cautions(named, validation, audit, protocol)
