"""Sentences on held-out numbers, the proxy, and what stands against the verdict."""

from __future__ import annotations

import made_audit
import made_proxy
import made_validation as made
import numpy as np
from msgspec import structs
from sentence import Build, Sentence
from test_cautions import (
    CLEAN,
    GROUP,
    HELD,
    calibrated,
    found,
    group,
    pair,
    with_groups,
    with_pair,
    with_scores,
)
from test_report_missing import COMPLETE
from test_report_missing import row as missing

from cfdna_interp.config.settings import Corrected
from cfdna_interp.proxy.linear import Linear
from cfdna_interp.records.fidelity import Conclusion
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.protocol import ColumnKnown
from cfdna_interp.records.proxy import Frequency, Stability
from cfdna_interp.records.validation import Detectable, Division, EitherWay, Interaction, Repetition
from cfdna_interp.report.heldout import (
    REPEATED,
    detectable_sentence,
    directionless_sentence,
    paired_sentences,
    repeat_sentences,
    subgroup_sentences,
)
from cfdna_interp.report.missing import missing_rows, missing_sentence
from cfdna_interp.report.proxy import CONCLUSIONS, MAY_HAVE_SEEN, agreements, stability_sentence
from cfdna_interp.stats.caution import auroc_caution
from cfdna_interp.verdict.leak_cautions import leak_cautions


def cautions(**changes: object) -> Build:
    return lambda: " ".join(f"{caution.kind}: {caution.sentence}" for caution in found(**changes))


def groups(word: str, *, better: bool = False) -> Build:
    return cautions(**with_groups(fragment_length=group(word, better)))


def score(word: str) -> Build:
    return cautions(repeated={"model": made.repeated(HELD, Repetition(word))})


def baseline(better: str) -> Build:
    return cautions(**with_pair(pair("model", "baseline_covariates", -0.2, -0.3, -0.1, better)))


def calibration(key: str, *values: float) -> Build:
    return cautions(**with_scores(model=calibrated(**{key: values})))


def size(count: int) -> Build:
    return cautions(n=made.counts(count, 40))


def blind(count: int) -> Build:
    """Return a cohort of so many cases in which nothing could have been seen."""
    return cautions(n=made.counts(count, 40), detectable=Detectable(auroc=None, power=0.8, alpha=0.05))


UNKNOWN = ColumnKnown(who="discovery cases", known=0, of=56)


def leaky(
    *, how: str = "none", over: str = "both roles", left_out: dict | None = None, **leakage: object
) -> Build:
    protocol = made.protocol(corrected=Corrected(how=how, over=over), left_out=left_out or {})
    record = made_audit.leakage(**leakage)
    return lambda: " ".join(f"{one.kind}: {one.sentence}" for one in leak_cautions(protocol, record))


def repeats(word: str, *, better: bool = False) -> Build:
    validation = structs.replace(CLEAN, groups={GROUP: group(word, better)})
    return lambda: " ".join(repeat_sentences(validation).values())


def against(better: str) -> Build:
    row = pair("model", "baseline_covariates", -0.2, -0.3, -0.1, better)
    return lambda: " ".join(paired_sentences(structs.replace(CLEAN, paired=(row,))))


def technical(*, turned: bool) -> Build:
    figures = EitherWay(value=0.8, low=0.7, high=0.9, null_high=0.6, p=0.01, turned=turned)
    columns = made.score(made.auroc(0.2, 0.1, 0.3), directionless=figures)
    validation = made.validation(scores={"model": made.score(), "baseline_technical": columns})
    return lambda: directionless_sentence(validation)


def division(p: float | None, missing: Missing | None = None, unknown: int = 0) -> Build:
    test = None if p is None else Interaction(n=80, groups=2, statistic=3.0, df=1, p=p, p_holm=p)
    row = Division(by="site", unknown=unknown, left_out=(), interaction=test, missing=missing, groups=())
    validation = made.validation(subgroups={"model": (row,)})
    return lambda: " ".join(said for _, said in subgroup_sentences(validation, "model"))


def seen(auroc: float | None) -> Build:
    detectable = Detectable(auroc=auroc, power=0.8, alpha=0.05)
    return lambda: detectable_sentence(structs.replace(CLEAN, detectable=detectable))


def agreement(conclusion: str, *, foreign: bool = False, coefficient: float | None = 0.4) -> Build:
    one = np.ones(1)
    fitted = made_proxy.regression(Linear(("a",), one, one, one, one, 0.0, 1.0, np.ones((2, 2))))
    record = made_proxy.fidelity(80, Conclusion(conclusion))
    missing = Missing(why=Cause.MODEL_SEPARATES) if coefficient is None else None
    added = structs.replace(record.added, value=coefficient, missing=missing)
    proxy = structs.replace(fitted, fidelity=structs.replace(record, added=added))

    def build() -> str:
        (row,) = agreements(proxy, CLEAN, foreign=foreign)
        return f"{row.who}: {row.conclusion} {row.added}"

    return build


def stable(*selected: str) -> Build:
    features = tuple(Frequency(name=f"f{i}", frequency=0.1) for i in range(68))
    record = Stability(
        pairs=50, per_half=5, threshold=0.75, expected_false=0.7, selected=selected, features=features
    )
    return lambda: stability_sentence(record)


def gaps(case: float, empty: tuple[str, ...] = ()) -> Build:
    return lambda: missing_sentence([*COMPLETE, missing("covariate_bmi", case=case)], empty)


def noted(left_out: dict[str, ColumnKnown]) -> Build:
    return lambda: " ".join(one.note for one in missing_rows([missing("covariate_bmi", case=1.0)], left_out))


PAGE = "tests/report/test_report_cautions.py"
CAUTIONS, LEAKS = "cfdna_interp/verdict/cautions.py", "cfdna_interp/verdict/leak_cautions.py"
HELDOUT, PROXY = "cfdna_interp/report/heldout.py", "cfdna_interp/report/proxy.py"
MISSING, BOUNDS = "cfdna_interp/report/missing.py", "cfdna_interp/stats/caution.py"


def row(
    key: str,
    words: str,
    made: str,
    printed: str,
    absent: str,
    true: Build | None = None,
    false: Build | None = None,
    test: str = "",
) -> Sentence:
    return Sentence(key, words, made, printed, absent, true, false, test)


AGAINST = (
    row(
        "caution: group reversed",
        "has reversed: alone it reaches AUROC … in discovery (…) and … on the 40 held-out cases",
        CAUTIONS,
        "a group that told the classes tells them the other way",
        "it holds",
        groups("reversed"),
        groups("holds"),
    ),
    row(
        "caution: better without",
        "the model retrained without it is better by",
        CAUTIONS,
        "held out, the model is better without the reversed group",
        "it isn't",
        groups("reversed", better=True),
        groups("reversed"),
    ),
    row(
        "caution: named",
        "it is the group that the verdict names",
        CAUTIONS,
        "the dominant group has reversed",
        "another group has",
        groups("reversed"),
        cautions(**with_groups(tss_score=group("reversed"))),
    ),
    row(
        "caution: score reversed",
        "score reversed: The model has reversed",
        CAUTIONS,
        "the model tells the other way",
        "it is weaker",
        score("reversed"),
        score("weaker"),
    ),
    row(
        "caution: group weaker",
        "alone reaches less in new people",
        CAUTIONS,
        "its AUROC fell, shown",
        "it holds",
        groups("weaker"),
        groups("holds"),
    ),
    row(
        "caution: score weaker",
        "The model reaches less in new people",
        CAUTIONS,
        "its AUROC fell, shown",
        "it holds",
        score("weaker"),
        score("holds"),
    ),
    row(
        "caution: baseline better",
        "covariates alone does better than the model by",
        CAUTIONS,
        "covariates do better, shown",
        "not told apart",
        baseline("baseline_covariates"),
        baseline(""),
    ),
    row(
        "caution: calibration off",
        "Chances read off the model are wrong",
        CAUTIONS,
        "slope .45 [.20, .99]",
        "slope .45 [.20, 1.00]",
        calibration("slope", 0.45, 0.2, 0.99),
        calibration("slope", 0.45, 0.2, 1.0),
    ),
    row(
        "calibration: extreme",
        "they are too extreme",
        CAUTIONS,
        "slope below 1",
        "above 1",
        calibration("slope", 0.45, 0.2, 0.99),
        calibration("slope", 2.0, 1.01, 3.0),
    ),
    row(
        "calibration: timid",
        "they are too timid",
        CAUTIONS,
        "slope above 1",
        "below 1",
        calibration("slope", 2.0, 1.01, 3.0),
        calibration("slope", 0.45, 0.2, 0.99),
    ),
    row(
        "calibration: fewer",
        "they promise fewer cases than there are",
        CAUTIONS,
        "above 0 in the large",
        "it holds 0",
        calibration("in_the_large", 1.2, 0.5, 1.9),
        calibration("in_the_large", 0.4, 0.0, 0.8),
    ),
    row(
        "calibration: more",
        "they promise more cases than there are",
        CAUTIONS,
        "below 0 in the large",
        "above 0",
        calibration("in_the_large", -1.2, -1.9, -0.5),
        calibration("in_the_large", 1.2, 0.5, 1.9),
    ),
    row(
        "caution: few subjects",
        "Few subjects: 29 cases + 40 controls held out",
        CAUTIONS,
        "29 cases",
        "30",
        size(29),
        size(30),
    ),
    row(
        "caution: nothing to see",
        "held out no AUROC is told from 0.50",
        CAUTIONS,
        "no AUROC would show",
        "one would",
        blind(29),
        size(29),
    ),
    row(
        "caution: correction with labels",
        "figures of discovery subjects overstate",
        LEAKS,
        "discovery was corrected with labels",
        "nothing was corrected",
        leaky(how="with labels", over="discovery"),
        leaky(),
    ),
    row(
        "caution: earlier correction",
        "labels had no part in it",
        LEAKS,
        "a blind correction",
        "nobody knows",
        leaky(how="blind"),
        leaky(how="unknown"),
    ),
    row(
        "correction unknown",
        "Whether the values were corrected for batches before they came here is not known",
        LEAKS,
        "the config doesn't say",
        "it says none",
        leaky(how="unknown"),
        leaky(),
    ),
    row(
        "caution: classes listed apart",
        "The held-out label is read from order of the rows",
        LEAKS,
        "cases are listed first",
        "the order tells nothing",
        leaky(readable_labels=(made_audit.source(),)),
        leaky(readable_labels=(made_audit.source(tells=False),)),
    ),
    row(
        "caution: one sample as two people",
        "of different subjects within a role is nearly the same",
        LEAKS,
        "a pair within a role",
        "a pair across roles, which breaks L0",
        leaky(near=(made_audit.twins("S1", "S2", ("heldout", "heldout")),)),
        leaky(near=(made_audit.twins("S1", "S2", ("discovery", "heldout")),)),
    ),
    row(
        "caution: column in no baseline",
        "The baseline leaves out bmi",
        LEAKS,
        "it was left out",
        "it wasn't",
        leaky(left_out={"covariate_bmi": UNKNOWN}),
        leaky(),
    ),
    row(
        "list: none",
        "What stands against it",
        "cfdna_interp/report/templates/sections/verdict.html",
        "there is a caution",
        "there is none",
        test=f"{PAGE}::test_a_run_without_cautions_has_no_list_of_them",
    ),
)
REPEATS = tuple(
    row(f"held out: {word}", f"held-out cases + 41 controls: {said};", HELDOUT, f"it is “{word}”", "another",
        repeats(word), repeats("reversed" if word != "reversed" else "holds"))
    for word, said in REPEATED.items()
)  # fmt: skip
NUMBERS = (
    row(
        "held out: fall",
        ", a fall of",
        HELDOUT,
        "it is weaker",
        "it holds",
        repeats("weaker"),
        repeats("holds"),
    ),
    row(
        "held out: better without",
        "the model is better without it",
        HELDOUT,
        "it is, shown",
        "it isn't",
        repeats("reversed", better=True),
        repeats("reversed"),
    ),
    row(
        "baseline: beats",
        "beats covariates only",
        HELDOUT,
        "the model is better, shown",
        "not told apart",
        against("model"),
        against(""),
    ),
    row(
        "baseline: is beaten by",
        "is beaten by covariates only",
        HELDOUT,
        "the baseline is better, shown",
        "not told apart",
        against("baseline_covariates"),
        against(""),
    ),
    row(
        "baseline: not told apart",
        "is not told apart from covariates only",
        HELDOUT,
        "neither is better, shown",
        "the model is",
        against(""),
        against("model"),
    ),
    row(
        "technical: turned",
        "it points the other way",
        HELDOUT,
        "its held-out AUROC is below .5",
        "above",
        technical(turned=True),
        technical(turned=False),
    ),
    row(
        "subgroups: differ",
        "the AUROC differs between the groups",
        HELDOUT,
        "p of .01",
        "p of .2",
        division(0.01),
        division(0.2),
    ),
    row(
        "subgroups: alike",
        "no difference between the groups is shown, which doesn't mean that there is none",
        HELDOUT,
        "p of .2",
        "p of .01",
        division(0.2),
        division(0.01),
    ),
    row(
        "subgroups: not tested",
        "not tested:",
        HELDOUT,
        "one site",
        "two sites",
        division(None, Missing(why=Cause.FEW_GROUPS, needed=5)),
        division(0.2),
    ),
    row(
        "subgroups: unknown",
        "Unknown for 3 subjects",
        HELDOUT,
        "3 subjects have no site",
        "all have one",
        division(0.2, unknown=3),
        division(0.2),
    ),
    row(
        "seen: an AUROC",
        "the smallest AUROC that is told from 0.50",
        HELDOUT,
        "one would show",
        "none would",
        seen(0.68),
        seen(None),
    ),
    row(
        "seen: nothing",
        "No AUROC would be told from 0.50",
        HELDOUT,
        "none would show",
        "one would",
        seen(None),
        seen(0.68),
    ),
    row(
        "interval: few",
        "With 29 subjects in the smaller class the interval may be too narrow",
        BOUNDS,
        "29",
        "30",
        lambda: auroc_caution(29, 40, 0.8),
        lambda: auroc_caution(30, 40, 0.8),
    ),
    row(
        "interval: high",
        "So near to 1 the interval may be too narrow",
        BOUNDS,
        "AUROC of .93",
        ".92",
        lambda: auroc_caution(40, 40, 0.93),
        lambda: auroc_caution(40, 40, 0.92),
    ),
    row(
        "curve: none",
        "no smooth curve",
        HELDOUT,
        "the logit separates the classes",
        "it doesn't",
        test="tests/report/test_report_heldout.py::test_a_curve_that_cannot_be_made_says_why",
    ),
)
CONCLUDED = tuple(
    row(f"proxy: {name}", words, PROXY, f"its conclusion is “{name}”", "it is another", agreement(name),
        agreement("can't tell" if name != "can't tell" else "more than the margin"))
    for name, words in CONCLUSIONS.items()
)  # fmt: skip
WITHIN = "no more than the margin"
PROXIES = (
    row(
        "proxy: not asked",
        MAY_HAVE_SEEN,
        PROXY,
        "the model is known by its scores",
        "it was cross-fitted",
        agreement(WITHIN, foreign=True),
        agreement(WITHIN),
    ),
    row(
        "proxy: added",
        "can't be estimated",
        PROXY,
        "the logits separate the classes",
        "they don't",
        agreement(WITHIN, coefficient=None),
        agreement(WITHIN),
    ),
    row(
        "proxy: nothing stable",
        "None came up in at least 75 %",
        PROXY,
        "no feature came up",
        "one did",
        stable(),
        stable("length_q50"),
    ),
    row(
        "proxy: none",
        "There is no proxy",
        "cfdna_interp/report/templates/sections/proxy.html",
        "no group is named",
        "one is",
        test="tests/report/test_report_proxy.py::test_the_section_holds_all_of_it_or_says_why_not",
    ),
    row(
        "missing: nothing",
        "No value is missing in any column that holds one.",
        MISSING,
        "all columns are whole",
        "covariates are empty for all cases",
        gaps(0.0),
        gaps(1.0),
    ),
    row(
        "missing: some",
        "Missing values: bmi 100.0 % of discovery cases",
        MISSING,
        "it is empty for all cases",
        "it is whole",
        gaps(1.0),
        gaps(0.0),
    ),
    row(
        "missing: empty",
        "Columns without any value: bmi.",
        MISSING,
        "no cell of it holds a value",
        "one does",
        gaps(0.0, ("bmi",)),
        gaps(0.0),
    ),
    row(
        "missing: in no baseline",
        "in no baseline: known of 0 of 56 discovery cases",
        MISSING,
        "it was left out",
        "it wasn't",
        noted({"covariate_bmi": UNKNOWN}),
        noted({}),
    ),
)
SENTENCES = AGAINST + REPEATS + NUMBERS + CONCLUDED + PROXIES
