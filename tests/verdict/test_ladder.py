"""Each cell of the ladder's table with its boundaries, the headline, and the two sentences."""

import made_audit
import made_validation as made
import pytest
from frozen_run import dominance as dominance_record
from made_audit import broken
from made_dominance import around, group_attribution, surrogate_fidelity
from made_dominance import dominance_record as dominance_of
from msgspec.structs import replace

from cfdna_interp.config.settings import Corrected, Validation
from cfdna_interp.records.dominance import OneGroupVaries, SharedSignal
from cfdna_interp.records.held import ColumnObstacle
from cfdna_interp.records.leaks import SourceKind
from cfdna_interp.records.validation import Permutation, SurrogateLosses
from cfdna_interp.records.verdict import CautionKind, LeakBelow, NoGroup, NoSignal, Word
from cfdna_interp.verdict.claim_words import claim_words
from cfdna_interp.verdict.ladder import climb
from cfdna_interp.verdict.reliance_words import reliance_sentence
from cfdna_interp.verdict.rung_words import rung_words

MARGINS = Validation()
GROUP = "fragment_length"


def records(
    *,
    outcome="dominant",
    p=0.001,
    low=0.55,
    high=0.95,
    necessity=(0.10, 0.30),
    sufficiency=(-0.02, 0.03, 0.02),
    handling="not handling",
    person="not age or sex",
    n=(40, 40),
    discovery=(40, 40),
    exploratory=False,
):
    """A run in which every rung is earned, but for what is said otherwise."""
    dominance = dominance_record(outcome)
    paired = []
    if dominance.group is not None:
        paired = [
            made.pair(
                "model", f"model_without_{GROUP}", sum(necessity) / 2, *necessity, low_one_sided=9,
                high_one_sided=-9,
            ),
            made.pair(
                "model", "proxy", (sufficiency[0] + sufficiency[1]) / 2, *sufficiency[:2], low_one_sided=-9,
                high_one_sided=sufficiency[2],
            ),
        ]  # fmt: skip
    validation = made.validation(
        n=made.counts(*n),
        discovery=made.counts(*discovery),
        opening=made.SECOND if exploratory else made.FIRST,
        scores={"model": made.score(made.auroc(0.60, low, high, "DeLong"))},
        permutation=Permutation(score="model", p=p, n=999),
        paired=tuple(paired),
    )
    audit = made_audit.audit(
        handling=made_audit.claim(handling),
        person=made_audit.claim(person, (made_audit.column("age"), made_audit.column("sex"))),
    )
    return dominance, validation, audit


def rung(name, **changes):
    verdict = climb(*records(**changes), MARGINS)
    return next(rung for rung in verdict.rungs if rung.rung == name)


def words(dominance, validation, audit, *more):
    """Return why each rung is as it is, L0 first."""
    rungs = climb(dominance, validation, audit, MARGINS, *more).rungs
    return [rung_words(rung, dominance, audit) for rung in rungs]


def test_everything_earned_is_l5():
    verdict = climb(*records(), MARGINS)
    assert verdict.headline == "L5"
    assert [r.rung for r in verdict.rungs] == ["L0", "L1", "L2", "L3", "L4", "L5"]
    assert {r.status for r in verdict.rungs} == {"earned"}


@pytest.mark.parametrize(
    ("p", "low", "high", "status", "word"),
    [
        (0.05, 0.5001, 0.60, "earned", "earned"),  # p of exactly .05 earns, whatever the upper bound
        (0.05, 0.50, 0.60, "can't tell", "can't tell"),  # the interval has to exclude .5
        (0.0501, 0.55, 0.6499, "refused", "no signal"),
        (0.0501, 0.49, 0.65, "can't tell", "can't tell"),  # the bound must lie below .65
        (0.9, 0.45, 0.95, "can't tell", "can't tell"),
    ],
)
def test_l0(p, low, high, status, word):
    got = rung("L0", p=p, low=low, high=high)
    assert (got.status, got.word) == (status, word)


@pytest.mark.parametrize(
    ("outcome", "status", "word"),
    [
        ("dominant", "earned", "earned"),
        ("none", "can't tell", "can't tell"),
        ("redundant", "can't tell", "redundant"),
        ("interaction", "can't tell", "interaction"),
        ("suppressor", "earned", "with a suppressor"),
        ("can't tell", "can't tell", "can't tell"),
    ],
)
def test_l1(outcome, status, word):
    got = rung("L1", outcome=outcome)
    assert (got.status, got.word) == (status, word)
    # What decided is said first, and what would decide after it.
    said = words(*records(outcome=outcome))[1]
    assert said.startswith(reliance_sentence(dominance_record(outcome)).rstrip("."))
    assert ("At the effects seen here" in said) == (outcome == "none")


@pytest.mark.parametrize(
    ("necessity", "status", "word"),
    [
        ((0.0201, 0.30), "earned", "earned"),
        ((0.02, 0.30), "can't tell", "can't tell"),  # above .02, not at it
        ((-0.10, 0.0499), "refused", "replaceable"),
        ((-0.10, 0.05), "can't tell", "can't tell"),  # below .05, not at it
        ((0.03, 0.04), "earned", "earned"),  # both hold: a loss above .02 is shown
    ],
)
def test_l2(necessity, status, word):
    got = rung("L2", necessity=necessity)
    assert (got.status, got.word) == (status, word)


@pytest.mark.parametrize(
    ("sufficiency", "status", "word"),
    [
        ((-0.10, 0.06, 0.0499), "earned", "earned"),  # the one-sided bound decides, not the two-sided
        ((-0.10, 0.06, 0.05), "can't tell", "can't tell"),
        ((0.0501, 0.20, 0.18), "refused", "not sufficient"),
        ((0.05, 0.20, 0.18), "can't tell", "can't tell"),
    ],
)
def test_l3(sufficiency, status, word):
    got = rung("L3", sufficiency=sufficiency)
    assert (got.status, got.word) == (status, word)


@pytest.mark.parametrize(
    ("handling", "status", "word"),
    [
        ("not handling", "earned", "earned"),
        ("attenuated", "refused", "attenuated"),
        ("handling", "refused", "handling"),
        ("can't tell", "can't tell", "can't tell"),
    ],
)
def test_l4(handling, status, word):
    got = rung("L4", handling=handling)
    assert (got.status, got.word) == (status, word)
    audit = records(handling=handling)[2]
    assert words(*records(handling=handling))[4] == f"proxy: {claim_words(audit.handling)}"
    assert got.evidence.fall == made.interval(0.05, 0.0, 0.1)


@pytest.mark.parametrize(
    ("person", "status", "word"),
    [
        ("not age or sex", "earned", "earned"),
        ("attenuated", "refused", "attenuated"),
        ("confounded", "refused", "confounded"),
        ("can't tell", "can't tell", "can't tell"),
        ("can't tell: not recorded", "can't tell", "can't tell: not recorded"),
    ],
)
def test_l5(person, status, word):
    got = rung("L5", person=person)
    assert (got.status, got.word) == (status, word)


def test_l5_claims_no_more_than_was_held():
    dominance, validation, audit = records()
    assert climb(dominance, validation, audit, MARGINS).rungs[5].claim.endswith("with age and sex held")
    columns = (made_audit.column("age"), made_audit.column("sex", ColumnObstacle.MISSING))
    audit = replace(audit, person=made_audit.claim("not age or sex", columns))
    assert climb(dominance, validation, audit, MARGINS).rungs[5].claim.endswith("with age held")


def test_a_suppressor_is_told_beside_the_group_it_helps():
    verdict = climb(*records(outcome="suppressor"), MARGINS)
    assert verdict.headline == "L5"
    assert verdict.rungs[1].claim.endswith("fragment length, and tissue of origin takes noise off it")
    assert "fragment length (with tissue of origin taking noise off it)" in verdict.sentences[0]


def test_a_suppressor_of_no_certain_group_cannot_be_told():
    _, validation, audit = records(outcome="suppressor")
    verdict = climb(dominance_record("suppressor", None), validation, audit, MARGINS)
    assert (verdict.headline, verdict.rungs[1].status) == ("L0", "can't tell")
    assert (verdict.rungs[1].word, verdict.rungs[1].evidence) == ("suppressor", None)


def test_reasons_have_no_keys_in_them():
    dominance, validation, audit = records()
    said = words(replace(dominance, finding=OneGroupVaries(group="fragment_length")), validation, audit)
    assert "Only fragment length varies between these samples" in said[1]
    assert "that of the model retrained without fragment length: 0.200" in said[2]


def test_groups_of_any_name_are_written_as_words():
    _, validation, audit = records(outcome="none")
    groups = {group: group_attribution(around(0.5), "unclear") for group in ("end_motif", "end_motif_by_arm")}
    shared = SharedSignal(groups=("end_motif_by_arm", "end_motif"), cost=0.01, alone=0.8, surrogate=False)
    changed = dominance_of(groups, finding=shared)
    reached = changed.cross_fitted_auroc | {f"model_only_{group}": 0.6 for group in groups}
    changed = replace(changed, cross_fitted_auroc=reached)
    said = words(changed, validation, audit)[1]
    assert ": End motif by arm and end motif share the signal. " in said
    assert ". At the effects seen here" in said
    assert "end motif d = 0.36" in said  # √2 Φ⁻¹(.6)


@pytest.mark.parametrize("outcome", ["none", "redundant", "interaction", "can't tell"])
def test_without_a_dominant_group_l2_and_l3_cannot_be_told_and_l4_and_l5_can(outcome):
    verdict = climb(*records(outcome=outcome), MARGINS)
    assert [r.status for r in verdict.rungs[2:]] == ["can't tell", "can't tell", "earned", "earned"]
    assert verdict.headline == "L0"
    assert verdict.rungs[2].reasons == (NoGroup(),)
    assert words(*records(outcome=outcome))[2] == "no group is dominant"


@pytest.mark.parametrize("cohort", ["n", "discovery"])
@pytest.mark.parametrize("size", [(14, 40), (40, 14)])
def test_fewer_than_fifteen_of_a_class_in_a_role_and_no_rung_can_be_told(cohort, size):
    verdict = climb(*records(**{cohort: size}), MARGINS)
    assert {r.status for r in verdict.rungs} == {"can't tell"}
    assert verdict.headline is None
    assert "cannot be told" in verdict.sentences[0]
    role = "held-out" if cohort == "n" else "discovery"
    assert f"the {role} cohort has {size[0]} cases" in verdict.sentences[1]


def test_fifteen_of_each_class_are_enough():
    assert climb(*records(n=(15, 15), discovery=(15, 15)), MARGINS).headline == "L5"


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"p": 0.9}, None),
        ({"outcome": "none"}, "L0"),
        ({"necessity": (-0.1, 0.1)}, "L1"),
        ({"sufficiency": (0.06, 0.2, 0.18)}, "L2"),
        ({"handling": "attenuated"}, "L3"),
        ({"person": "confounded"}, "L4"),
        ({"person": "can't tell: not recorded"}, "L4"),
    ],
)
def test_the_headline_is_the_highest_unbroken_rung(changes, headline):
    verdict = climb(*records(**changes), MARGINS)
    assert verdict.headline == headline
    # A broken rung leaves those above it judged by themselves.
    broken = 0 if headline is None else int(headline[1]) + 1
    assert verdict.rungs[broken].status != "earned"
    assert (verdict.rungs[4].status == "earned") is (broken != 4)
    assert (verdict.rungs[5].status == "earned") is (broken != 5)
    assert len(verdict.sentences) == 2
    assert all(s.endswith(".") and "..." not in s for s in verdict.sentences)
    assert f"before L{broken}" in verdict.sentences[1]


def test_handling_and_the_person_are_told_even_when_the_ladder_ends_earlier():
    broken = {"handling": "handling", "person": "confounded"}
    verdict = climb(*records(necessity=(-0.1, 0.01), **broken), MARGINS)
    assert "replaceable" in verdict.sentences[1]
    assert "at L4 (handling)" in verdict.sentences[1] and "at L5 (confounded)" in verdict.sentences[1]
    assert "L5" not in climb(*records(necessity=(-0.1, 0.01)), MARGINS).sentences[1]


def test_nothing_is_left_for_the_bench_while_the_person_is_open():
    assert "No rung is broken" in climb(*records(), MARGINS).sentences[1]
    said = climb(*records(), MARGINS, against=(CautionKind.CALIBRATION_OFF,)).sentences[1]
    assert said == "No rung is broken, but something stands against it: calibration off."
    for changes in ({"person": "can't tell"}, {"person": "attenuated"}, {"handling": "can't tell"}):
        assert "No rung is broken" not in climb(*records(**changes), MARGINS).sentences[1]


def test_margins_are_those_given():
    strict = Validation(necessity_margin=0.2, replaceable_margin=0.4, sufficiency_margin=0.01)
    verdict = climb(*records(), strict)
    assert [r.word for r in verdict.rungs[2:4]] == ["replaceable", "can't tell"]


def test_an_exploratory_opening_is_said():
    verdict = climb(*records(exploratory=True), MARGINS)
    # Labels are read anew where only they changed, too: the sentence names no protocol.
    assert verdict.sentences[1].endswith("; exploratory, since the held-out labels had been opened before.")
    assert "exploratory" not in climb(*records(), MARGINS).sentences[1]


def test_a_missing_score_to_compare_with_cannot_be_told():
    dominance, validation, audit = records()
    verdict = climb(dominance, replace(validation, paired=()), audit, MARGINS)
    assert [r.status for r in verdict.rungs[2:4]] == ["can't tell", "can't tell"]
    said = words(dominance, replace(validation, paired=()), audit)
    assert said[2] == "the model retrained without fragment length has no held-out score to compare with"
    assert said[3] == "the proxy has no held-out score to compare with"


def test_l1_is_refused_only_where_a_leader_is_excluded_and_there_is_a_signal():
    excluded = dominance_record("none", excluded=True)
    _, validation, audit = records(outcome="none")
    assert climb(excluded, validation, audit, MARGINS).rungs[1].status == "refused"
    assert climb(excluded, validation, audit, MARGINS).rungs[1].word == "no group leads"
    # Without a signal to divide, that no group leads in it refuses nothing.
    _, silent, audit = records(outcome="none", p=0.9, low=0.45)
    got = climb(excluded, silent, audit, MARGINS).rungs[1]
    assert (got.status, got.word) == ("can't tell", "can't tell")
    assert got.reasons[-1] == NoSignal(word=Word.CANT_TELL)
    assert "that there is a signal is not shown" in words(excluded, silent, audit)[1]
    # And with one, a lead that refits allow is not excluded; the reason says what would decide.
    spread = dominance_record("none")
    spread = replace(
        spread, cross_fitted_auroc=spread.cross_fitted_auroc | {"model_only_fragment_length": 0.8}
    )
    got = climb(spread, validation, audit, MARGINS).rungs[1]
    assert got.status == "can't tell"
    assert "there are 40 and 40 (cfdna-interp plan reliance)" in words(spread, validation, audit)[1]


def test_a_size_for_l1_is_not_named_where_no_effect_is_known():
    _, validation, audit = records(outcome="none")
    foreign = dominance_record("none", fidelity=surrogate_fidelity(judged_low=0.95))
    said = words(foreign, validation, audit)[1]
    assert "plan reliance" not in said and "follows a score" in said


def foreign(low, high, follows=0.93):
    return climb(*foreign_records(low, high, follows), MARGINS)


def foreign_records(low, high, follows=0.93):
    """A run of a model known by its scores, whose surrogate loses so much of R² without fragment length."""
    dominance, validation, audit = records(necessity=(-0.30, -0.10))  # the label is told better without it
    follows, lost = made.interval(follows + 0.03, follows, follows + 0.05), ((low + high) / 2, low, high)
    return dominance, with_surrogate(validation, follows, made.interval(*lost)), audit


def with_surrogate(validation, follows, lost):
    """The model is known by its scores."""
    return replace(
        validation,
        scores=validation.scores | {"surrogate": validation.scores["model"]},
        surrogate=SurrogateLosses(
            n=80, saturated=0, measure="correlation", follows=follows, losses={GROUP: lost}
        ),
    )


@pytest.mark.parametrize(
    ("low", "high", "follows", "status", "word"),
    [
        (0.051, 0.9, 0.93, "earned", "earned"),
        (0.05, 0.9, 0.93, "can't tell", "can't tell"),  # above .05, not at it
        (-0.01, 0.099, 0.93, "refused", "replaceable"),
        (-0.01, 0.10, 0.93, "can't tell", "can't tell"),  # below .10, not at it
        (0.06, 0.09, 0.93, "earned", "earned"),  # both hold: a loss above .05 is shown
        (0.8, 0.9, 0.89, "can't tell", "can't tell"),  # held out, the surrogate isn't the model
        (-0.01, 0.01, 0.89, "can't tell", "can't tell"),
    ],
)
def test_l2_of_a_model_known_by_its_scores_is_what_its_surrogate_loses_of_the_score(
    low, high, follows, status, word
):
    rung = foreign(low, high, follows).rungs[2]
    assert (rung.status, rung.word) == (status, word)
    assert "the surrogate of the model's score loses more than 0.05 of R²" in rung.claim
    assert "held-out subjects" in words(*foreign_records(low, high, follows))[2]
    assert rung.evidence.r2_lost.low == low


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"sufficiency": (0.06, 0.2, 0.18)}, "it relies on fragment length and its surrogate needs it"),
        (
            {"handling": "handling"},
            "it relies on fragment length, its surrogate needs it, and it is matched by a logistic "
            "regression on it",
        ),
        (
            {},
            "it relies on fragment length, its surrogate needs it, it is matched by logistic regression on "
            "it, and is neither handling nor the person as far as these are recorded",
        ),
    ],
)
def test_the_headline_doesnt_say_that_a_model_was_retrained_that_could_not_be(changes, clause):
    dominance, validation, audit = records(**changes)
    follows, lost = made.interval(0.96, 0.93, 0.98), made.interval(0.8, 0.7, 0.9)
    known_by_scores = with_surrogate(validation, follows, lost)
    assert climb(dominance, known_by_scores, audit, MARGINS).sentences[0].endswith(f"; {clause}.")
    assert "surrogate" not in climb(dominance, validation, audit, MARGINS).sentences[0]


def leaking(*found, without=None):
    dominance, validation, audit = records()
    return dominance, validation, replace(audit, leakage=made_audit.leakage(breaks=found, without=without))


def test_a_leak_breaks_l0_whatever_the_numbers_and_the_verdict_names_it():
    left = made_audit.without(20, 30, {"model": made_audit.auroc(0.51, 0.37, 0.65)})
    verdict = climb(*leaking(broken("near-duplicate across roles", 20), without=left), MARGINS)
    assert (verdict.rungs[0].status, verdict.rungs[0].word) == ("can't tell", "can't tell: leak")
    assert verdict.headline is None
    assert "whether the model holds a signal cannot be told" in verdict.sentences[0]
    assert verdict.sentences[1].startswith(
        "The ladder ends before L0 (can't tell: leak): 20 of 80 held-out subjects are near-duplicates of "
        "discovery subjects by their features; without these 20 subjects the AUROC is: model 0.51 [0.37 to "
        "0.65] (30 cases and 30 controls); over all held-out AUROC 0.60"
    )
    # L1 is of discovery. What rests on held-out subjects is taken back, and what is refused stays refused.
    assert verdict.rungs[1].status == "earned"
    assert {(rung.status, rung.word) for rung in verdict.rungs[2:]} == {("can't tell", "can't tell: leak")}
    assert all(rung.reasons[-1] == LeakBelow() for rung in verdict.rungs[2:])
    dominance, validation, audit = leaking(broken("name in both roles", 1))
    audit = replace(audit, handling=made_audit.claim("handling"))
    assert climb(dominance, validation, audit, MARGINS).rungs[4].status == "refused"
    leaky, clean = words(dominance, validation, audit), words(*records())
    assert leaky[3].endswith("; what leaks at L0 may be behind it") and "what leaks at L0" not in clean[3]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            broken("name in both roles", 1),
            "1 of 80 held-out subjects have a name that stands in discovery, too",
        ),
        (
            broken("same molecules across roles", 3),
            "3 of 80 held-out subjects hold the molecules of discovery",
        ),
        (
            broken(
                "score follows a source",
                80,
                source_kind=SourceKind.DATE,
                source="technical_drawn",
                auroc=0.9,
                correlation=0.5,
                p=0.0004,
            ),
            "the score follows the date in drawn among subjects of one label and batch (rank correlation "
            "0.50, p < 0.001), and the label is read from it with AUROC 0.90",
        ),
        (
            broken(
                "gaps tell the label",
                40,
                source_kind=SourceKind.GAPS,
                source="gaps in sizes",
                column="s_3",
                auroc=1.0,
            ),
            "the gaps in sizes (most: s_3) alone tell the label with AUROC 1.00",
        ),
    ],
)
def test_each_leak_has_its_words(found, said):
    assert said in climb(*leaking(found), MARGINS).sentences[1]


def test_a_leak_is_said_of_a_cohort_that_is_too_small_as_well():
    dominance, validation, audit = leaking(broken("name in both roles", 1))
    few = replace(validation, n=made.counts(14, 40))
    rung = climb(dominance, few, audit, MARGINS).rungs[0]
    assert rung.word == "can't tell: leak"
    said = words(dominance, few, audit)[0]
    assert "fewer than 15" in said and "have a name that stands in discovery" in said


@pytest.mark.parametrize("over", ["both roles", "each role"])
def test_a_correction_that_knew_held_out_labels_refuses_every_rung(over):
    corrected = Corrected("with labels", "ComBat", over)
    verdict = climb(*records(), MARGINS, corrected)
    assert {(rung.status, rung.word) for rung in verdict.rungs} == {("refused", "corrected with labels")}
    assert verdict.headline is None
    assert all("by ComBat" in said for said in words(*records(), corrected))
    assert verdict.sentences[0].startswith(
        "On 40 held-out cases and 40 controls nothing can be said of the model, since labels had a part"
    )
    assert "tells the classes apart" not in " ".join(verdict.sentences)
    assert "no signal" not in " ".join(verdict.sentences)


def test_a_correction_of_discovery_alone_marks_what_rests_on_it():
    verdict = climb(*records(), MARGINS, Corrected("with labels", "", "discovery"))
    assert verdict.headline == "L5"
    said = words(*records(), Corrected("with labels", "", "discovery"))
    marked = ["with labels over discovery, on which" in words for words in said]
    assert marked == [False, True, True, True, False, False]


@pytest.mark.parametrize("how", ["unknown", "none", "blind"])
def test_other_answers_change_no_rung(how):
    assert climb(*records(), MARGINS, Corrected(how)) == climb(*records(), MARGINS)
