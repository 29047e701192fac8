"""What a run answers to the items of the checklist: how data were divided, modelled and measured."""

from __future__ import annotations

from cfdna_interp import __version__
from cfdna_interp.records.model import TableModel
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.report.collect import Run
from cfdna_interp.report.missing import missing_sentence
from cfdna_interp.report.proxy import PENALTIES
from cfdna_interp.report.words import group_name, group_rank, score_name, score_rank, whole_name
from cfdna_interp.verdict.ladder import SIGNIFICANT

MODELS = {
    "logistic": (
        "the model under study, made here without the held-out cohort: a logistic regression, its L2 penalty "
        "the strongest whose leave-one-out squared error is within one standard error of the least"
    ),
    "reference": "attention heads fitted without the held-out cohort on an encoder pre-trained without it",
    "causal": "attention heads fitted without the held-out cohort on an encoder pre-trained without it",
    "transformers": "attention heads fitted without the held-out cohort on a frozen encoder from elsewhere",
    "torch_module": "attention heads fitted without the held-out cohort on a frozen encoder from elsewhere",
}
FOREIGN = "of the model under study only scores are known; a surrogate was fitted without the held-out cohort"
WHOM = "whom the model under study was fitted on, and whether any of them are in this study"
ELSEWHERE = ("transformers", "torch_module")


def method_answers(run: Run) -> dict[str, str]:
    """Return what the names about methods in ``resources/tripod_ai.yaml`` stand for in this run."""
    groups = sorted(run.dominance.groups, key=group_rank)
    named = ", ".join(group_name(group).lower() for group in groups)
    table = run.table
    calculated = "a logit per sample from frozen models, averaged over a subject's samples"
    return {
        "folds": str(run.folds),
        "opened": (
            "was opened once everything was frozen in this folder"
            if not run.validation.opening.exploratory
            else f"had been opened before (this is opening {run.validation.opening.number})"
        ),
        "whom": WHOM if run.foreign or run.model.kind in ELSEWHERE else "",
        "foreign_model": "kind, steps and tuning of the model under study; " + WHOM
        if run.foreign
        else "why this kind",
        "preparation": (
            "reads are filtered and counted by reason, fragments decoded; the same filters for all samples"
            if table is None
            else f"{table.features:,} columns were mapped to groups by their names, the same for all rows"
        ),
        "before": "library preparation and alignment" if table is None else "what was done before the table",
        "predictors": f"feature groups: {named}, each with all of its features; {_selection(run)}",
        "measured": (
            "from sequenced fragments by one program, which reads no label"
            if table is None
            else "as the table says; a group is its columns"
        ),
        "judged": (
            "none are judged by people: they are computed from fragments"
            if table is None and not run.foreign
            else ""
        ),
        "judges": "" if table is None and not run.foreign else "whether people judged any",
        "missing": missing_sentence(run.audit.missing, table.record.empty if table else ()).rstrip("."),
        "form": _form(run),
        "model": "; ".join(
            [
                FOREIGN if run.foreign else MODELS[run.model.kind],
                f"cross-fitted by subject in {run.folds} folds",
                "the proxy's penalty comes from cross-validation on all discovery subjects; nested "
                "cross-validation judges it and chooses nothing"
                if run.proxy
                else "there is no proxy",
            ]
        ),
        "measures": _measures(run.validation),
        "calculated": f"{calculated}; the proxy's coefficients are in proxy.json"
        if run.proxy
        else calculated,
        "poor": (
            "cfdna-interp score warns where a new sample lies outside the training range, and says which "
            "number"
            if run.proxy
            else "no new sample can be scored: there is no proxy"
        ),
        "version": __version__,
    }


def _selection(run: Run) -> str:
    """Say where discovery labels choose predictors."""
    chosen = []
    if run.proxy:
        chosen.append("discovery labels enter the choice of the proxy's group")
    penalty = run.config.proxy.penalty
    if penalty == "auto":
        chosen.append(
            "where L1 or elastic-net penalties were chosen they select features by discovery labels"
        )
    elif penalty != "l2":
        chosen.append(
            f"the {PENALTIES[penalty]} penalty of {'proxy and ' if run.proxy else ''}baselines selects "
            "features by discovery labels"
        )
    if run.foreign:
        chosen.append("what the model under study reads is not known")
    return "; ".join(chosen) or "none chosen by a label"


def _form(run: Run) -> str:
    if run.foreign:
        model = "in the model under study: not known"
    elif isinstance(run.model, TableModel):
        model = (
            "in the model under study: clipped to the training range, standardised, principal components of "
            "each group, " + ("splines" if "splines" in run.model.basis else "linear") + " in the logit"
        )
    else:
        model = "in the model under study: embedded fragments, through attention heads that are not linear"
    if run.proxy is None:
        return model
    recipe = run.proxy.recipe
    basis = {"splines": "histograms through B-splines, ", "ilr": "parts of a whole as log-ratios, "}
    reduced = "principal components, " if recipe.components is not None else ""
    scaled = "one common scale" if recipe.basis == "ilr" else "standardised"
    return f"{model}; in the proxy: {basis.get(recipe.basis, '')}{scaled}, {reduced}linear in the logit"


def _measures(validation: ValidationResult) -> str:
    against = {pair.b for pair in validation.paired}
    whole = whole_name(validation)
    named = [score_name(name, whole).lower() for name in sorted(against, key=score_rank)]
    compared = f"; paired differences with Holm against: {', '.join(named)}" if named else ""
    return (
        "AUROC, AUPRC, Brier score, calibration slope, calibration-in-the-large and smooth curve, "
        f"sensitivity at a specificity{compared}; a signal is claimed where the permutation p is at most "
        f"{SIGNIFICANT} and the 95 % interval of the AUROC lies above 0.50"
    )
