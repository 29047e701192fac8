"""The fit of the proxy's regression on all discovery subjects, and its nested cross-validation.

Folds are of subjects, stratified by label. Samples of one subject share a weight of one in fitting, and their
logits are averaged in testing. Everything that is learnt is learnt inside the folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec import structs
from sklearn.pipeline import Pipeline

from cfdna_interp.artifacts.matrix import Inputs, usable
from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.basis import basis_of, check_wholes
from cfdna_interp.proxy.linear import PLAIN, Linear
from cfdna_interp.proxy.penalty import PATH_TOL, Choice, choose
from cfdna_interp.proxy.pipeline import fold_back, pipeline, regression
from cfdna_interp.records.proxy import OuterFold
from cfdna_interp.stats.resampling import bootstrap_counts
from cfdna_interp.stats.roc import auroc
from cfdna_interp.stats.subjects import LabelledSubjects

# Two remain for the inner folds if an outer fold has one.
FEWEST = 3


def fit(
    inputs: Inputs,
    labels: np.ndarray,
    subjects: np.ndarray,
    rng: np.random.Generator,
    *,
    draws: int = 0,
    settings: ProxySettings = PLAIN,
) -> Linear | None:
    """Fit on all samples, with the penalty chosen by cross-validation; None if no input varies.

    Coefficient draws are refits on resampled subjects with the same penalty, standardisation and components.

    Parameters
    ----------
    inputs
        Discovery samples by inputs, NaN where missing.
    labels
        (samples,) 1 case, 0 control, one label per subject.
    subjects
        (samples,) name of each sample's subject.
    rng
        Source of folds and bootstrap.
    draws
        Number of coefficient draws.
    settings
        Penalty, basis and components.

    Raises
    ------
    InputError
        A class has fewer than 3 subjects, or the inputs don't suit the basis.
    """
    varying = usable(inputs.X)
    if not varying.any():
        return None
    X, names = inputs.X[:, varying], _names(inputs, varying)
    groups = LabelledSubjects(labels, subjects)
    cases = int(groups.labels.sum())
    controls = len(groups.labels) - cases
    if min(cases, controls) < FEWEST:
        raise InputError(
            f"discovery cohort: {cases} cases and {controls} controls are too few to cross-validate; "
            f"give at least {FEWEST} subjects of each class"
        )
    basis = basis_of(names, settings)
    if basis is not None:
        check_wholes(X, names, basis)
    choice = choose(X, names, labels, subjects, rng, settings)
    recipe = structs.replace(settings, penalty=choice.penalty)
    model = pipeline(choice.C, recipe, names).fit(X, labels, regression__sample_weight=groups.weights)
    if "components" in model.named_steps:
        kept_directions, columns = model["components"].components_.shape
        recipe = structs.replace(recipe, components=kept_directions if kept_directions < columns else None)
    return _frozen(model, X, names, labels, groups, choice, recipe, rng, draws)


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Results of fits on subjects that they never saw.

    Attributes
    ----------
    folds
        Results by fold. They are never pooled, since logits of different fits don't share a scale and folds
        don't have independent errors.
    fold
        (subjects,) the fold of each subject, in the order of their sorted names.
    logits
        (subjects,) logits of the fit without the subject's fold.
    """

    folds: tuple[OuterFold, ...]
    fold: np.ndarray
    logits: np.ndarray


def cross_validate(
    inputs: Inputs,
    labels: np.ndarray,
    subjects: np.ndarray,
    rng: np.random.Generator,
    *,
    settings: ProxySettings = PLAIN,
    folds: np.ndarray | None = None,
) -> CrossValidation:
    """Fit without each outer fold, with the penalty chosen inside each fold's training subjects.

    Parameters
    ----------
    inputs, labels, subjects, rng, settings
        As for :func:`fit`; at least one input varies.
    folds
        (samples,) the outer fold of each sample, if they were drawn elsewhere. A subject has the fold of its
        first sample.
    """
    varying = usable(inputs.X)
    X, names = inputs.X[:, varying], _names(inputs, varying)
    groups = LabelledSubjects(labels, subjects)
    if folds is None:
        fold = np.zeros(len(groups.labels), dtype=np.int64)
        for number, (_, test) in enumerate(groups.folds(np.arange(len(fold)), rng)):
            fold[test] = number
    else:
        fold = np.unique(np.asarray(folds)[groups.first], return_inverse=True)[1]
    logits = np.full(len(fold), np.nan)
    outer = []
    for number in range(fold.max() + 1):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        choice = choose(X, names, labels, subjects, rng, settings, within=train)
        rows, tested = groups.rows(train), groups.rows(test)
        model = pipeline(choice.C, structs.replace(settings, penalty=choice.penalty), names)
        model.fit(X[rows], labels[rows], regression__sample_weight=groups.weights[rows])
        scores = np.full(len(X), np.nan)
        scores[tested] = model.decision_function(X[tested])
        logits[test] = groups.means(scores)[test]
        # A fold that was drawn elsewhere may have only one class.
        both = len(np.unique(groups.labels[test])) == 2
        worth = auroc(groups.labels[test], logits[test]) if both else None
        outer.append(OuterFold(auroc=worth, penalty=choice.penalty, C=choice.C))
    return CrossValidation(tuple(outer), fold, logits)


def _names(inputs: Inputs, varying: np.ndarray) -> tuple[str, ...]:
    return tuple(name for name, keep in zip(inputs.names, varying, strict=True) if keep)


def _frozen(
    model: Pipeline,
    X: np.ndarray,
    names: tuple[str, ...],
    labels: np.ndarray,
    groups: LabelledSubjects,
    choice: Choice,
    recipe: ProxySettings,
    rng: np.random.Generator,
    draws: int,
) -> Linear:
    fitted = model["regression"]
    gamma, intercept = [fitted.coef_[0]], [fitted.intercept_[0]]
    if draws:
        Z = model[:-1].transform(X)
        for _ in range(draws):
            # This tolerance is much smaller than the differences between draws.
            refit = regression(choice.C, choice.penalty, PATH_TOL).set_params(warm_start=True)
            refit.coef_, refit.intercept_ = fitted.coef_.copy(), fitted.intercept_.copy()
            weights = groups.weights * bootstrap_counts(groups.labels, rng)[groups.index]
            refit.fit(Z, labels, sample_weight=weights)
            gamma.append(refit.coef_[0])
            intercept.append(refit.intercept_[0])
    folded = fold_back(model, X)
    coefficients = folded.coefficients(np.array(gamma))
    intercepts = folded.intercepts(np.array(gamma), np.array(intercept))
    return Linear(
        names=names,
        impute=folded.impute,
        mean=folded.mean,
        scale=folded.scale,
        coefficient=coefficients[0],
        intercept=float(intercepts[0]),
        C=choice.C,
        draws=np.column_stack([intercepts[1:], coefficients[1:]]),
        compositions=folded.compositions,
        recipe=recipe,
    )
