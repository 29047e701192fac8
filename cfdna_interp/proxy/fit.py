"""The proxy's regression: fitted on everybody, its worth judged by nested folds.

Folds are drawn over subjects, stratified by label. Samples of one subject share a weight of one in
fitting, and their logits are averaged in testing. Whatever is learnt is learnt inside the folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.pipeline import Pipeline

from cfdna_interp.artifacts.matrix import Inputs, usable
from cfdna_interp.artifacts.proxy import PLAIN, Linear, OuterFold
from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.basis import basis_of, check_wholes
from cfdna_interp.proxy.penalty import Choice, choose
from cfdna_interp.proxy.pipeline import fold, pipeline, regression
from cfdna_interp.proxy.subjects import Subjects
from cfdna_interp.stats.resampling import bootstrap_counts
from cfdna_interp.stats.roc import auroc

# Two are left for the inner folds when an outer fold holds one.
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
    """Fit on all samples, the penalty chosen by cross-validation; None where no input varies.

    Coefficient draws are refits on resampled subjects; penalty, standardisation and components are held.

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
    kept = usable(inputs.X)
    if not kept.any():
        return None
    X, names = inputs.X[:, kept], _names(inputs, kept)
    groups = Subjects(labels, subjects)
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
    recipe = replace(settings, penalty=choice.penalty)
    model = pipeline(choice.C, recipe, names).fit(X, labels, regression__sample_weight=groups.weights)
    return _frozen(model, X, names, labels, groups, choice, recipe, rng, draws)


def cross_validate(
    inputs: Inputs,
    labels: np.ndarray,
    subjects: np.ndarray,
    rng: np.random.Generator,
    settings: ProxySettings = PLAIN,
) -> tuple[OuterFold, ...]:
    """Return the AUROC of each outer fold, the penalty chosen anew inside each fold's training subjects.

    One by one and never pooled: logits of different fits don't share a scale, and folds don't share an
    independent error.

    Parameters
    ----------
    inputs, labels, subjects, rng, settings
        As for :func:`fit`; at least one input varies.
    """
    kept = usable(inputs.X)
    X, names = inputs.X[:, kept], _names(inputs, kept)
    groups = Subjects(labels, subjects)
    found = []
    for train, test in groups.folds(np.arange(len(groups.labels)), rng):
        choice = choose(X, names, labels, subjects, rng, settings, within=train)
        model = _fit_on(X, names, labels, groups, train, choice, settings)
        logits = groups.mean_logits(_logits(model, X, groups, test), test)
        found.append(OuterFold(auroc(groups.labels[test], logits), choice.penalty, choice.C))
    return tuple(found)


def out_of_fold(
    inputs: Inputs,
    labels: np.ndarray,
    subjects: np.ndarray,
    folds: np.ndarray,
    rng: np.random.Generator,
    settings: ProxySettings = PLAIN,
) -> np.ndarray:
    """Return (subjects,) logits of fits that never saw the subject, along folds that were drawn elsewhere.

    Parameters
    ----------
    inputs, labels, subjects, rng, settings
        As for :func:`cross_validate`.
    folds
        (samples,) the fold of each sample; a subject's samples lie in one.

    Returns
    -------
    In the order of the sorted names of subjects.
    """
    kept = usable(inputs.X)
    X, names = inputs.X[:, kept], _names(inputs, kept)
    groups = Subjects(labels, subjects)
    of_subject = np.asarray(folds)[groups.first]
    logits = np.full(len(groups.labels), np.nan)
    for number in np.unique(of_subject):
        train, test = np.flatnonzero(of_subject != number), np.flatnonzero(of_subject == number)
        choice = choose(X, names, labels, subjects, rng, settings, within=train)
        model = _fit_on(X, names, labels, groups, train, choice, settings)
        logits[test] = groups.mean_logits(_logits(model, X, groups, test), test)
    return logits


def _names(inputs: Inputs, kept: np.ndarray) -> tuple[str, ...]:
    return tuple(name for name, keep in zip(inputs.names, kept, strict=True) if keep)


def _fit_on(
    X: np.ndarray,
    names: Sequence[str],
    labels: np.ndarray,
    groups: Subjects,
    members: np.ndarray,
    choice: Choice,
    settings: ProxySettings,
) -> Pipeline:
    rows = groups.rows(members)
    model = pipeline(choice.C, replace(settings, penalty=choice.penalty), names)
    return model.fit(X[rows], labels[rows], regression__sample_weight=groups.weights[rows])


def _logits(model: Pipeline, X: np.ndarray, groups: Subjects, members: np.ndarray) -> np.ndarray:
    """Return (samples,) logits, NaN for samples of other subjects."""
    rows = groups.rows(members)
    logits = np.full(len(X), np.nan)
    logits[rows] = model.decision_function(X[rows])
    return logits


def _frozen(
    model: Pipeline,
    X: np.ndarray,
    names: tuple[str, ...],
    labels: np.ndarray,
    groups: Subjects,
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
            refit = regression(choice.C, choice.penalty).set_params(warm_start=True)
            # Close by: half the way of a start from zero.
            refit.coef_, refit.intercept_ = fitted.coef_.copy(), fitted.intercept_.copy()
            weights = groups.weights * bootstrap_counts(groups.labels, rng)[groups.index]
            refit.fit(Z, labels, sample_weight=weights)
            gamma.append(refit.coef_[0])
            intercept.append(refit.intercept_[0])
    folded = fold(model, X)
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
