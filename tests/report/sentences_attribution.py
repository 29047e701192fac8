"""Sentences of the attribution: reasons of the rule, roles, titles, and the two routes."""

from __future__ import annotations

from collections.abc import Callable

import frozen_run
import made_audit
import numpy as np
from fake_representation import funnel
from made_dominance import around, dominance_record, group_attribution
from msgspec.structs import replace
from sentence import Build, Sentence
from test_judge import APART, COPIES, LENGTH, METHYLATION, TISSUE, aurocs, followed, ruling

from cfdna_interp.attribution.judge import Ruling
from cfdna_interp.records.dominance import Finding, Outcome, RivalAhead
from cfdna_interp.records.retraining import Rival
from cfdna_interp.records.values import Counts
from cfdna_interp.records.verdict import FewSubjects, Rung, Status, Word
from cfdna_interp.report.roles import ROLES, outcome_title, overruled
from cfdna_interp.report.routes import compare_routes
from cfdna_interp.verdict.reliance_words import reliance_sentence

LEADS = [0.8, 0.15, 0.05]
BOTH = [0.48, 0.47, 0.05]


def reason(share: list[float] = LEADS, **changes: object) -> Build:
    return lambda: in_discovery(ruling(share, **changes).finding)


def in_discovery(finding: Finding) -> str:
    """Return a finding as the page prints it."""
    groups = {group: group_attribution(around(0.3)) for group in (LENGTH, METHYLATION, TISSUE)}
    return reliance_sentence(dominance_record(groups, finding=finding, subjects=100))


def title(share: list[float] = LEADS, **changes: object) -> Build:
    def build() -> str:
        found = ruling(share, **changes)
        return f"{outcome_title(found.outcome, found.group)}."

    return build


def role(group: str, share: list[float] = LEADS, **changes: object) -> Build:
    """Return the words of a group's role as the rule finds it."""
    return lambda: ROLES[ruling(share, **changes).roles[group]].format("the model") + "."


FREE = {"cross_fitted": aurocs(0.9, (0.01, 0.01, 0.0), (0.89, 0.89, 0.5)), "alike": COPIES}
CARRIERS = {"cross_fitted": aurocs(0.92, (0.08, 0.07, 0.0), (0.85, 0.84, 0.5))}
# Neither tells anything alone, and both together do.
PARTNERS = {
    "cross_fitted": aurocs(0.9, (0.38, 0.38, 0.0), (0.52, 0.52, 0.5)),
    "performance": np.array([0.2, 0.2, 0.0]),
}
ADDITIVE = {"interactions": {(LENGTH, METHYLATION): 0.05}}
# Methylation tells nothing, and length is better with it.
HELPED = {
    "cross_fitted": aurocs(0.95, (0.4, 0.15, 0.0), (0.8, 0.5, 0.5)),
    "performance": np.array([0.5, -0.1, 0.0]),
}
SCORE = {
    "cross_fitted": aurocs(0.8, (0.0, 0.0, 0.0), (0.75, 0.7, 0.5)),
    "followed": followed(0.98, (0.35, 0.98, 0.98), (0.98, 0.35, 0.02)),
    "fidelity": 0.95,
}
WEAK = aurocs(0.6, (0.1, 0.0, 0.0), (0.6, 0.5, 0.5))
EQUAL = {"cross_fitted": aurocs(0.92, (0.08, 0.07, 0.07), (0.8, 0.79, 0.79))}
LOOSE = np.tile([0.36, 0.33, 0.31], (20, 1))
LOOSE[:2] = [0.33, 0.23, 0.44]
NAN = np.full((20, 3), np.nan)
RANKS = {"reweight": (METHYLATION, LENGTH, TISSUE)}


def routes(
    *carriers: str, group: str | None = None, outcome: Outcome = "none", null_high: float = 0.0
) -> Build:
    def build() -> str:
        record = funnel(carriers)
        record = replace(record, null=replace(record.null, survived_high=null_high))
        found = compare_routes(record, outcome, group)
        return f"{found.title}: {found.found} {found.meaning}"

    return build


FEW = FewSubjects(role="heldout", n=Counts(case=14, control=40), needed=15)


def ladder(status: str) -> Build:
    rungs = [Rung(rung="L1", claim="", status=Status(status), word=Word(status), reasons=(FEW,))]
    return lambda: overruled(frozen_run.dominance("dominant"), made_audit.audit(), rungs)


def worse() -> str:
    better = Rival(name="plain", n=80, auroc=0.9, difference=0.1, low=0.05, high=0.2)
    return in_discovery(RivalAhead(rival=better))


def row(
    key: str,
    words: str,
    printed: str,
    absent: str,
    true: Build | None = None,
    false: Build | None = None,
    test: str = "",
    made: str = "cfdna_interp/verdict/reliance_words.py",
) -> Sentence:
    return Sentence(key, words, made, printed, absent, true, false, test)


DOMINANT = {"outcome": "dominant", "group": LENGTH}
REASONS = (
    row(
        "rule: a group leads",
        "In discovery, n = 100 subjects: Fragment length carries 80% of the attribution. It leads",
        "a group passes the rule",
        "two equal groups",
        reason(),
        reason(BOTH, **CARRIERS),
    ),
    row(
        "rule: of a score",
        "to the agreement with the model's score",
        "the model is known by its scores",
        "it is at hand",
        reason([0.95, 0.04, 0.01], **SCORE),
        reason(),
    ),
    row(
        "rule: fidelity",
        "The surrogate doesn't follow the model closely enough",
        "lower bound of fidelity .89",
        ".90",
        reason(fidelity=0.89),
        reason(fidelity=0.90),
    ),
    row(
        "rule: undefined shares",
        "A refit gave the same logit to every subject",
        "a refit without shares",
        "all have them",
        reason(bootstrap=NAN),
        reason(),
    ),
    row(
        "rule: undefined contribution",
        "is undefined in the model or in a refit",
        "a contribution is undefined",
        "all are known",
        reason(performance=np.array([np.nan, 0.0, 0.0])),
        reason(),
    ),
    row(
        "rule: one group",
        "Only fragment length varies between these samples",
        "lengths alone are in the bags",
        "two groups are",
        reason([1.0, 0.0, 0.0], permuted=np.tile([1.0, 0.0, 1e-9], (19, 1))),
        reason(),
    ),
    row(
        "rule: context",
        "Context and joint dependence carry 21% of the attribution",
        "context of .21",
        ".20",
        reason(context=0.21),
        reason(context=0.20),
    ),
    row(
        "rule: suppressor",
        "The model uses it to remove noise from … that both groups share",
        "methylation helps and tells nothing",
        "it costs nothing",
        reason([0.7, 0.2, 0.1], **HELPED),
        reason(),
    ),
    row(
        "rule: interaction",
        "carry the signal together. Alone they reach",
        "neither tells alone, both together do",
        "each tells alone",
        reason(BOTH, **PARTNERS),
        reason(BOTH, **CARRIERS),
    ),
    row(
        "rule: contributions add up",
        "Their contributions add up",
        "no interaction was measured between them",
        "it was",
        reason(BOTH, **PARTNERS, **ADDITIVE),
        reason(BOTH, **PARTNERS, interactions={(LENGTH, METHYLATION): 0.6}),
    ),
    row(
        "rule: redundant",
        "share the signal. Retraining the model without either of them costs at most",
        "two copies",
        "two groups that both cost",
        reason(BOTH, **FREE),
        reason(BOTH, **CARRIERS),
    ),
    row(
        "rule: too weak to divide",
        "Whether another group would replace it can't be told",
        "AUROC of .60",
        ".90",
        reason(cross_fitted=WEAK),
        reason(),
    ),
    row(
        "rule: dissent",
        "But reweight ranks methylation first",
        "another intervention ranks another first",
        "all rank one first",
        reason(ranks=RANKS),
        reason(ranks={"reweight": (LENGTH, METHYLATION, TISSUE)}),
    ),
    row(
        "rule: a leader is excluded",
        "no group leads by more than 0.03, below that",
        "equal shares in every refit",
        "a lead of .2 in one of ten",
        reason([0.36, 0.33, 0.31], **EQUAL),
        reason([0.36, 0.33, 0.31], **EQUAL, bootstrap=LOOSE),
    ),
    row(
        "rule: a leader isn't excluded",
        "which doesn't exclude a leader",
        "a lead of .2 in one of ten",
        "equal shares in every refit",
        reason([0.36, 0.33, 0.31], **EQUAL, bootstrap=LOOSE),
        reason([0.36, 0.33, 0.31], **EQUAL),
    ),
    row(
        "rule: several carriers",
        "have signal alone, and the model is worse without any of them",
        "two carriers",
        "one",
        reason(BOTH, **CARRIERS),
        reason([0.5, 0.4, 0.1]),
    ),
    row(
        "rule: worse than a rival",
        "It is no model to explain",
        "a plain regression is surely better",
        "it isn't",
        test="tests/report/test_report_table.py::test_a_better_rival_is_named_and_only_then",
    ),
    row(
        "rule: worse, of whom",
        "The model is worse than …, on the same n = 80 discovery subjects",
        "a rival is better",
        "a group leads",
        worse,
        reason(),
    ),
)


def a_role(name: str, printed: str, absent: str, true: Build, false: Build) -> Sentence:
    words = ROLES[name].format("the model")
    return row(f"role: {name}", words, printed, absent, true, false, made="cfdna_interp/report/roles.py")


ROLE_WORDS = (
    a_role(
        "carrier",
        "length alone tells, and costs",
        "copies replace it",
        role(LENGTH),
        role(LENGTH, BOTH, **FREE),
    ),
    a_role(
        "redundant",
        "two copies that are used",
        "two that share nothing",
        role(LENGTH, BOTH, **FREE),
        role(LENGTH, BOTH, **FREE | {"alike": APART}),
    ),
    a_role(
        "suppressor",
        "it helps and tells nothing",
        "it costs nothing",
        role(METHYLATION, [0.7, 0.2, 0.1], **HELPED),
        role(METHYLATION),
    ),
    a_role(
        "partner",
        "it tells nothing alone, and costs",
        "it tells alone",
        role(LENGTH, BOTH, **PARTNERS),
        role(LENGTH, BOTH, **CARRIERS),
    ),
    a_role("unused", "5 % of the attribution", "10 %", role(TISSUE), role(TISSUE, [0.85, 0.05, 0.1])),
    a_role(
        "unclear",
        "10 % of the attribution, and nothing told",
        "5 %",
        role(TISSUE, [0.85, 0.05, 0.1]),
        role(TISSUE),
    ),
)


def a_title(key: str, words: str, printed: str, absent: str, true: Build, false: Build) -> Sentence:
    return row(f"title: {key}", words, printed, absent, true, false, made="cfdna_interp/report/roles.py")


TITLES = (
    a_title(
        "dominant",
        "dominant: fragment length",
        "length passes the rule",
        "copies",
        title(),
        title(BOTH, **FREE),
    ),
    a_title(
        "redundant", "redundant groups", "copies", "length passes the rule", title(BOTH, **FREE), title()
    ),
    a_title(
        "suppressor",
        "fragment length, helped by a suppressor",
        "length passes, methylation helps",
        "it doesn't help",
        title([0.7, 0.2, 0.1], **HELPED),
        title(),
    ),
    a_title(
        "suppressor, nobody",
        "a suppressor, and no group for certain",
        "nobody passes, methylation helps",
        "length passes",
        title(BOTH, **HELPED),
        title([0.7, 0.2, 0.1], **HELPED),
    ),
    a_title(
        "interaction",
        "groups that count only together",
        "neither tells alone",
        "each does",
        title(BOTH, **PARTNERS),
        title(BOTH, **CARRIERS),
    ),
    a_title("none", "no group named", "two carriers", "one leads", title(BOTH, **CARRIERS), title()),
    a_title("can't tell", "can't tell", "context of .21", ".20", title(context=0.21), title(context=0.2)),
    row(
        "ladder overrules: reliance",
        "The ladder doesn't earn this, L1 is can't tell: the held-out cohort has 14 cases…",
        "a group is named and L1 isn't earned",
        "L1 is earned",
        ladder("can't tell"),
        ladder("earned"),
        made="cfdna_interp/report/roles.py",
    ),
    row(
        "orders agree",
        "give the groups in the same order",
        "one order",
        "two",
        test="tests/report/test_report_interventions.py::test_agreement_is_one_sentence",
        made="cfdna_interp/report/interventions.py",
    ),
    row(
        "orders: first",
        "behind it the order differs",
        "one group first, other orders behind",
        "one order",
        test="tests/report/test_report_interventions.py::test_agreement_is_one_sentence",
        made="cfdna_interp/report/interventions.py",
    ),
    row(
        "orders differ",
        "The combinations don't agree on the first group",
        "two groups first",
        "one",
        test="tests/report/test_report_interventions.py::test_agreement_is_one_sentence",
        made="cfdna_interp/report/interventions.py",
    ),
    row(
        "orders: one",
        "Only one combination applies",
        "one combination",
        "two",
        test="tests/report/test_report_interventions.py::test_agreement_is_one_sentence",
        made="cfdna_interp/report/interventions.py",
    ),
)


def a_route(key: str, words: str, printed: str, absent: str, true: Build, false: Build) -> Sentence:
    return row(f"routes: {key}", words, printed, absent, true, false, made="cfdna_interp/report/routes.py")


NONE = "none"
AGREED = routes(LENGTH, LENGTH, NONE, **DOMINANT)
ROUTES = (
    a_route(
        "the two routes agree",
        "the two routes agree: …In discovery, taking fragment length out of the bags moves",
        "length is dominant, and carries most survivors",
        "no feature survives",
        AGREED,
        routes(**DOMINANT),
    ),
    a_route(
        "the two routes differ",
        "the two routes differ: …differ with fragment length. …The verdict rests on the interventions",
        "methylation is dominant, length carries survivors",
        "length is dominant",
        routes(LENGTH, outcome="dominant", group=METHYLATION),
        AGREED,
    ),
    a_route(
        "a lead to follow up",
        "a lead to follow up, not a finding",
        "no group leads, length carries survivors",
        "length is dominant",
        routes(LENGTH),
        AGREED,
    ),
    a_route(
        "can't tell",
        "can't tell: …Neither route names a group",
        "nothing survives, nobody leads",
        "length is dominant",
        routes(),
        AGREED,
    ),
    a_route(
        "nothing survives",
        "That no feature survives speaks for nothing",
        "nothing survives",
        "something does",
        routes(**DOMINANT),
        AGREED,
    ),
    a_route(
        "permuted labels",
        "Permuted labels leave as many features",
        "one survivor, one of permuted labels",
        "none of permuted labels",
        routes(LENGTH, null_high=1.0, **DOMINANT),
        AGREED,
    ),
    a_route(
        "no family",
        "No family carries more than half of the survivors",
        "half and half",
        "two of three",
        routes(LENGTH, METHYLATION, **DOMINANT),
        AGREED,
    ),
    a_route(
        "another family",
        "which no intervention takes out by itself",
        "survivors differ with CpG count",
        "with length",
        routes("context", **DOMINANT),
        AGREED,
    ),
    a_route(
        "no single group",
        "Interventions name no single group",
        "redundant groups",
        "length is dominant",
        routes(LENGTH, outcome="redundant"),
        AGREED,
    ),
)
SENTENCES = REASONS + ROLE_WORDS + TITLES + ROUTES
__all__ = ["SENTENCES", "Callable", "Ruling"]
