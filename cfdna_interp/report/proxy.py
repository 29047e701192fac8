"""The proxy in words: how it was built, how it did, whether it says what the model says, what is stable."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.records.fidelity import Conclusion, ProxyFidelity
from cfdna_interp.records.proxy import Regression, Stability
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Interval
from cfdna_interp.report.words import group_name, interval, number, p_phrase, percent, significant
from cfdna_interp.verdict.missing_words import missing_words

PENALTIES = {"l2": "L2", "l1": "L1", "elasticnet": "elastic-net"}
CONCLUSIONS = {
    Conclusion.WITHIN: "The model is better by no more than the margin, if at all.",
    Conclusion.BEYOND: "The model is better by more than the margin.",
    Conclusion.UNDECIDED: "Whether the model is better by more than the margin can't be told.",
}
MAY_HAVE_SEEN = "Not asked: whether the model saw these subjects is not known."
STABLE_ROWS = 15  # features shown; proxy.json has them all


@dataclass(frozen=True)
class Agreement:
    """The proxy beside the model, on the subjects of one role.

    Attributes
    ----------
    who
        Which subjects, with their number.
    pearson, spearman, partial
        Intervals of correlations of the logits; the last one given the label.
    difference
        Interval of the model's AUROC minus the proxy's; None where the model may have seen the subjects.
    added
        What the model adds to the proxy, in words.
    conclusion
        What the margin makes of the difference.
    """

    who: str
    pearson: Interval
    spearman: Interval
    partial: Interval
    difference: Interval | None
    added: str
    conclusion: str


def describe_proxy(proxy: Regression) -> list[str]:
    """Say how the proxy was built and how it did on discovery subjects that it had not seen."""
    recipe, cv, n = proxy.recipe, proxy.cv, proxy.n
    built = (
        f"A logistic regression with {PENALTIES.get(recipe.penalty, recipe.penalty)} penalty "
        f"(C = {significant(proxy.C)}) on {len(proxy.features):,} features of "
        f"{group_name(proxy.group).lower()}{_steps(recipe)}, fitted on n = {n.case} discovery cases + "
        f"{n.control} controls; intercept {number(proxy.intercept, 3)}."
    )
    folds = ", ".join(number(value) for value in cv.auroc_per_fold)
    seen = (
        f"Nested cross-validation by subject in discovery: AUROC of the {len(cv.auroc_per_fold)} outer "
        f"folds {folds}, mean {number(cv.mean)}; chance is 0.50."
    )
    means = cv.repeat_means
    if len(means) > 1:
        seen += (
            f" Divided into folds anew the means are {', '.join(number(mean) for mean in means[1:])}: so "
            "much does the division alone."
        )
    chosen = sorted({(fold.penalty, fold.C) for repeat in cv.repeats for fold in repeat})
    picked = ", ".join(f"{PENALTIES[penalty]} with C = {significant(C)}" for penalty, C in chosen)
    if picked:
        seen += f" Inner folds chose {picked}: the strongest within one standard error of the best."
    return [built, seen]


def agreements(proxy: Regression, validation: ValidationResult, *, foreign: bool) -> list[Agreement]:
    """Return how the proxy agrees with the model, in discovery and held-out.

    Parameters
    ----------
    proxy, validation
        The proxy, and what the held-out labels say.
    foreign
        Whether of the model only scores are known. It may have been fitted on the discovery subjects, where
        the proxy's logits are cross-fitted: which of the two does better there is then not asked.
    """
    discovery = _agreement("Discovery, cross-fitted", proxy.fidelity)
    if foreign:
        seen = _agreement("Discovery, the model's own scores", proxy.fidelity)
        discovery = replace(seen, difference=None, added=MAY_HAVE_SEEN, conclusion=MAY_HAVE_SEEN)
    heldout = validation.fidelity
    return [discovery] if heldout is None else [discovery, _agreement("Held-out", heldout)]


def stability_sentence(stability: Stability) -> str:
    """Say which features come up again and again in halves of the cohort, and how many would by chance."""
    chosen, total = len(stability.selected), len(stability.features)
    return (
        f"From each of {2 * stability.pairs} halves of the discovery subjects the first "
        f"{stability.per_half} of {total:,} features to enter an L1 path were taken. {chosen or 'None'} "
        f"came up in at least {percent(stability.threshold)} of the halves; of features that halves take "
        f"no more often than at random, at most {number(stability.expected_false, 1)} would be expected "
        "among them."
    )


def stable_rows(stability: Stability) -> list[tuple[str, float, bool]]:
    """Return name and frequency of the features that come up most, and whether they count as selected."""
    order = sorted(stability.features, key=lambda row: (-row.frequency, row.name))
    return [(row.name, row.frequency, row.frequency >= stability.threshold) for row in order[:STABLE_ROWS]]


def _steps(recipe: ProxySettings) -> str:
    """Name what is done to the features before the regression."""
    steps = {
        "splines": f"bins through {recipe.spline_functions} B-splines",
        "ilr": "parts of a whole as isometric log-ratios",
    }
    taken = [steps[recipe.basis]] if recipe.basis in steps else []
    if recipe.components is not None:
        centred = "centred" if recipe.centred else "not centred"
        taken.append(f"reduced to {recipe.components} principal components, {centred}")
    return f", {', '.join(taken)}" if taken else ""


def _agreement(who: str, fidelity: ProxyFidelity) -> Agreement:
    added = fidelity.added
    if added.missing is not None:
        said = f"can't be estimated: {missing_words(added.missing)}"
    else:
        said = (
            f"log odds {interval(added)} per SD of the model's logit beside the proxy's, {p_phrase(added.p)}"
        )
    return Agreement(
        who=f"{who}, n = {fidelity.n} subjects",
        pearson=fidelity.pearson,
        spearman=fidelity.spearman,
        partial=fidelity.partial,
        difference=fidelity.difference,
        added=said,
        conclusion=f"{CONCLUSIONS[fidelity.conclusion]} The margin of the protocol is "
        f"{number(fidelity.margin)} of AUROC.",
    )
