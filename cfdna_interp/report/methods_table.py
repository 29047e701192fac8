"""Methods of a run from a table of features: what was read, the additive model, its attribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfdna_interp.attribution.lead import LOW
from cfdna_interp.attribution.roles import CEILING
from cfdna_interp.attribution.tabular.bends import KNOTS
from cfdna_interp.attribution.tabular.encoding import COMPONENTS
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.model import TableModel
from cfdna_interp.report.feature_table import FeatureTableResults
from cfdna_interp.report.model import basis_sentence
from cfdna_interp.report.roles import roles_method
from cfdna_interp.report.words import group_name, group_rank, percent

if TYPE_CHECKING:
    from cfdna_interp.report.collect import Run


def features_paragraph(table: FeatureTableResults, missing: str) -> str:
    """Describe the table: features by group, and the sentence on what was missing."""
    source = table.record
    parts = ", ".join(
        f"{group_name(name).lower()} {group.features:,}" for name, group in table.groups.items()
    )
    return (
        f"{table.features:,} features came as a table ({source.source}, SHA-256 {source.digest[:12]}…) and "
        f"were mapped to feature groups by their names: {parts}. {missing}"
    )


def model_paragraph(model: TableModel) -> str:
    """Describe the model under study and how it was fitted."""
    scores = model.kind == "scores"
    about = (
        "The model under study was known by its scores; a ridge regression of their logits on all feature "
        "groups stood in for it."
        if scores
        else "The model under study was a logistic regression with an L2 penalty on all feature groups."
    )
    whose = "surrogate" if scores else "model"
    held = (
        "Held-out scores are the model's own; those of subsets of groups are the surrogate's."
        if scores
        else f"Held-out logits are the mean over the models of {model.folds} folds."
    )
    return (
        f"{about} It was cross-fitted by subject in {model.folds} folds; inside each fold missing "
        "values took the median, values beyond the range of the training samples counted as the furthest of "
        "them, features were standardised, groups entered with the same total variance, each reduced to its "
        f"principal components, at most {COMPONENTS}, without labels. Groups were weighed otherwise (by "
        "their numbers "
        "of features, in steps, or one of them behind the others) where the leave-one-out errors of a fold's "
        "training subjects, after the best stretch of predictions, became smaller by more than one standard "
        f"error of the paired difference; natural cubic splines of each feature, {len(KNOTS)} knots, were "
        "taken by "
        f"the same rule. {basis_sentence(model.basis, whose)} The penalty was the largest whose "
        "leave-one-out squared error among a fold's training subjects was within one standard error of the "
        "least. "
        f"{held}"
    )


def attribution_paragraph(run: Run) -> str:
    """Describe the closed form of the attribution, its intervals, nulls and rule."""
    dominance = run.dominance
    whose = "the surrogate's logit of a subject" if run.foreign else "a subject's logit"
    groups = ", ".join(group_name(group).lower() for group in sorted(dominance.groups, key=group_rank))
    return (
        f"What each feature group ({groups}) contributes to {whose} was taken from the fits "
        "that never saw the subject: the coefficients times the distance of the subject's inputs from "
        f"their mean over {dominance.donors} discovery subjects. For a model whose groups add up "
        "this is the exact Shapley value when absent groups take the features of reference subjects. A "
        "group's share is its summed absolute contribution over that of all groups; intervals come from "
        f"{dominance.bootstrap} refits on bootstrap samples of subjects, nulls from "
        f"{dominance.permutations} refits on permuted labels. A group was called dominant if "
        f"{leads_by(dominance)} and {contributes_beyond()}. {roles_method(run.foreign)}"
    )


def leads_by(dominance: Dominance) -> str:
    """Say by how much the rule wants a group to lead."""
    return (
        f"the {percent(LOW)} quantile of its lead over the runner-up exceeded {dominance.margin.needed:.2f}"
    )


def contributes_beyond() -> str:
    """Say what the rule holds a group's contribution against."""
    return (
        "its contribution to the cross-fitted log-loss exceeded the "
        f"{percent(CEILING)} quantile of the largest one under permuted labels"
    )
