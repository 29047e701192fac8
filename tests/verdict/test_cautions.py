"""Each caution where it is true and nowhere else: a clean record has none, one change makes exactly one."""

import made_audit
import made_validation as made
import pytest
from msgspec import structs
from stored import stored

from cfdna_interp.config.settings import Corrected
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.validation import Repetition, ValidationResult
from cfdna_interp.records.verdict import Verdict
from cfdna_interp.verdict.cautions import against, cautions

GROUP = "fragment_length"


def pair(a, b, difference, low, high, better=""):
    return made.pair(a, b, difference, low, high, p_holm=0.004, better=better)


def both(discovery, heldout, fall, p):
    return made.both_roles(made.auroc(*discovery), made.auroc(*heldout), made.interval(*fall), p)


def calibrated(**changes):
    slope, large = made.by(0.9, 0.6, 1.2), made.by(0.1, -0.3, 0.5)
    figures = {"slope": slope, "in_the_large": large} | {key: made.by(*x) for key, x in changes.items()}
    return made.score(calibration=made.calibration(**figures))


def group(word, better_without=False):
    cost = made.interval(-0.121, -0.18, -0.06) if better_without else made.interval(0.2, 0.1, 0.3)
    alone = both((0.81, 0.72, 0.88), (0.41, 0.34, 0.49), (0.4, 0.3, 0.5), 1e-9)
    return made.group(Repetition(word), alone, cost, better_without=better_without)


HELD = both((0.85, 0.78, 0.9), (0.84, 0.75, 0.9), (0.01, -0.1, 0.12), 0.8)
# A run against which nothing stands.
CLEAN = made.validation(
    n=made.counts(40, 41),
    discovery=made.counts(42, 43),
    scores={"model": calibrated(), "proxy": calibrated()},
    groups={GROUP: group("holds"), "methylation": group("no claim"), "tss_score": group("not told")},
    repeated={
        "model": made.repeated(HELD, Repetition.HOLDS),
        "proxy": made.repeated(HELD, Repetition.NOT_TOLD),
    },
    paired=(
        pair("model", f"model_without_{GROUP}", 0.2, 0.1, 0.3, "model"),
        pair("model", "proxy", 0.02, -0.02, 0.06),
        pair("model", "baseline_covariates", 0.2, 0.1, 0.3, "model"),
        pair("proxy", "baseline_all", -0.02, -0.06, 0.02),
    ),
)
PROTOCOL = made.protocol(corrected=Corrected(how="none"))


def found(**changes):
    """Return the cautions of a clean run with other figures in ``validation.json``."""
    return cautions(GROUP, structs.replace(CLEAN, **changes), made_audit.audit(), PROTOCOL)


def with_groups(**groups):
    return {"groups": CLEAN.groups | groups}


def with_scores(**scores):
    return {"scores": CLEAN.scores | scores}


def with_pair(row):
    return {"paired": (*CLEAN.paired, row)}


def only(**changes):
    (caution,) = found(**changes)
    return caution


def test_nothing_stands_against_a_clean_run():
    assert found() == ()


def test_a_reversed_group_that_the_model_is_better_without():
    caution = only(**with_groups(tss_score=group("reversed", better_without=True)))
    assert caution.kind == "group reversed"
    assert caution.sentence == (
        "Tss score has reversed: alone it reaches AUROC 0.81 [0.72 to 0.88] in discovery (cross-fitted, n = "
        "42 cases + 43 controls) and 0.41 [0.34 to 0.49] on the 40 held-out cases and 41 controls; held out, "
        "the model retrained without it is better by 0.121 [0.060 to 0.180]."
    )
    assert caution.finding.group == "tss_score"
    assert caution.finding.heldout == made.interval(0.41, 0.34, 0.49)


def test_a_reversed_group_is_not_said_to_hurt_where_it_does_not_and_the_named_one_is_told():
    other = only(**with_groups(tss_score=group("reversed")))
    assert "is better by" not in other.sentence
    assert "that the verdict names" not in other.sentence
    named = only(**with_groups(fragment_length=group("reversed")))
    assert named.sentence.endswith("; it is the group that the verdict names.")


def test_of_a_model_known_by_its_scores_it_is_the_surrogate_that_was_retrained():
    lost = with_groups(tss_score=group("reversed", better_without=True))
    caution = only(**lost, **with_scores(surrogate=calibrated()))
    assert "held out, the surrogate retrained without it is better by" in caution.sentence


def test_a_group_that_fell():
    caution = only(**with_groups(tss_score=group("weaker")))
    assert caution.kind == "group weaker"
    assert caution.sentence.startswith(
        "Tss score alone reaches less in new people: AUROC 0.81 [0.72 to 0.88] in"
    )
    assert caution.sentence.endswith("a fall of 0.40 [0.30 to 0.50] (p 1e-09).")


@pytest.mark.parametrize(("score", "name"), [("model", "The model"), ("proxy", "The proxy")])
def test_a_score_that_fell_from_95_to_67(score, name):
    fell = both((0.95, 0.9, 0.98), (0.67, 0.55, 0.78), (0.28, 0.15, 0.41), 2e-5)
    caution = only(repeated=CLEAN.repeated | {score: made.repeated(fell, Repetition.WEAKER)})
    assert caution.kind == "score weaker"
    assert caution.sentence == (
        f"{name} reaches less in new people: AUROC 0.95 [0.90 to 0.98] in discovery (cross-fitted, n = 42 "
        "cases + 43 controls) and 0.67 [0.55 to 0.78] on the 40 held-out cases and 41 controls, a fall of "
        "0.28 [0.15 to 0.41] (p 2e-05)."
    )


def test_a_score_that_reversed():
    caution = only(repeated={"model": made.repeated(HELD, Repetition.REVERSED)})
    assert (caution.kind, caution.sentence[:28]) == ("score reversed", "The model has reversed: it r")


def test_a_baseline_that_beats_the_model():
    row = pair("model", "baseline_covariates", -0.228, -0.286, -0.170, "baseline_covariates")
    caution = only(**with_pair(row))
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
    assert only(**with_pair(row)).sentence.startswith(name)


def test_a_model_that_is_better_without_a_group_is_no_baseline():
    row = pair("model", "model_without_x", -0.1, -0.2, -0.05, "model_without_x")
    assert found(**with_pair(row)) == ()


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
    got = found(**with_scores(proxy=calibrated(slope=slope)))
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
    got = found(**with_scores(model=calibrated(in_the_large=large)))
    assert len(got) == bool(said)
    if said:
        assert said in got[0].sentence
        assert "cases are 49 % in discovery and 49 % held out" in got[0].sentence
        assert "calibration slope" not in got[0].sentence


@pytest.mark.parametrize(("key", "role"), [("n", "held out"), ("discovery", "in discovery")])
def test_few_subjects(key, role):
    caution = only(**{key: made.counts(29, 40)})
    assert caution.kind == "few subjects"
    assert caution.sentence.startswith(f"Few subjects: 29 cases + 40 controls {role}. With n = ")
    assert "only an AUROC of 0.68 or more is told from 0.50 with a power of 80 %" in caution.sentence
    assert found(**{key: made.counts(30, 30)}) == ()


def test_the_gravest_stands_first():
    changes = with_groups(fragment_length=group("weaker"), tss_score=group("reversed"))
    got = found(n=made.counts(20, 20), **changes)
    assert [caution.kind for caution in got] == ["group reversed", "group weaker", "few subjects"]


def test_what_speaks_against_is_told_from_what_is_only_to_know():
    few = {"n": made.counts(20, 20)} | with_groups(fragment_length=group("weaker"))
    assert against(found(**few)) == ("group weaker",)
    assert against(found()) == ()


def test_the_stage_writes_what_the_rule_finds(finished):
    named = stored(Dominance, finished).group
    validation, audit = stored(ValidationResult, finished), stored(Audit, finished)
    got = cautions(named, validation, audit, stored(FrozenProtocol, finished))
    assert stored(Verdict, finished).cautions == got
