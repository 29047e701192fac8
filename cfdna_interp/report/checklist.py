"""The TRIPOD+AI checklist, answered as far as a run knows the answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from cfdna_interp import __version__
from cfdna_interp.artifacts.sheet import ROLES
from cfdna_interp.config.resources import shipped
from cfdna_interp.report.collect import Run
from cfdna_interp.report.feature_table import missing_sentence
from cfdna_interp.report.heldout import detectable_sentence
from cfdna_interp.report.leakage import shift_sentences
from cfdna_interp.report.words import (
    group_name,
    group_rank,
    interval,
    number,
    percent,
    score_name,
    score_rank,
    term_name,
)


@dataclass(frozen=True)
class Item:
    """One item of the checklist.

    Attributes
    ----------
    item, topic, asks
        Number in the statement, topic, and what is asked for, in our words.
    answer
        What this run says; "" where only the authors know.
    where
        Identifiers of the page's sections with more.
    authors
        What the authors have to add, "" where nothing.
    """

    item: str
    topic: str
    asks: str
    answer: str
    where: tuple[str, ...]
    authors: str


def checklist(run: Run, sections: tuple[str, ...]) -> list[Item]:
    """Return the items in their order.

    Parameters
    ----------
    run
        A finished run.
    sections
        Identifiers of the sections that the page has.
    """
    known = answers(run)
    return [
        Item(
            item=entry["item"],
            topic=entry["topic"],
            asks=entry["asks"],
            answer=entry.get("answer", "").format_map(known),
            where=tuple(name for name in entry.get("where", ()) if name in sections),
            authors=entry.get("authors", "").format_map(known),
        )
        for entry in items()
    ]


@cache
def items() -> list[dict[str, Any]]:
    """Read the shipped list; its head says what an item holds."""
    text = shipped("resources", "tripod_ai.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["items"]
    return found


def answers(run: Run) -> dict[str, str]:
    """Return what the names in ``resources/tripod_ai.yaml`` stand for in this run."""
    return _study(run) | _method(run) | _result(run)


def _study(run: Run) -> dict[str, str]:
    counts = run.counts()
    people = {role: f"{counts[role]['case']} cases + {counts[role]['control']} controls" for role in ROLES}
    cases = {
        role: percent(counts[role]["case"] / (counts[role]["case"] + counts[role]["control"]))
        for role in ROLES
    }
    sites = sorted({sample.site for members in run.samples.values() for sample in members} - {""})
    ages = [sample.age for members in run.samples.values() for sample in members if sample.age is not None]
    excluded = len(run.exclusions)
    technical = {name for members in run.samples.values() for sample in members for name in sample.technical}
    return {
        "title": run.config.title,
        "discovery": people["discovery"],
        "heldout": people["heldout"],
        "discovery_cases": cases["discovery"],
        "heldout_cases": cases["heldout"],
        "source": (
            "a sheet of alignments" if run.table is None else f"a table of features, {run.table.source}"
        )
        + (", made by a program" if run.simulated else ""),
        "places": f"{len(sites)} {'site' if len(sites) == 1 else 'sites'}: {', '.join(sites)}"
        if sites
        else "the cohort names no site",
        "ages": f"age {number(min(ages), 0)} to {number(max(ages), 0)} years"
        if ages
        else "ages are not known",
        "excluded": f"{excluded} {'sample was' if excluded == 1 else 'samples were'} left out, each with its "
        "reason"
        if excluded
        else "nobody was left out after enrolment",
        "dates": ", ".join(sorted(map(term_name, technical))) or "none",
        "study": (
            "a model is taken apart, a logistic regression that people can read is developed beside it, and "
            "both are evaluated on a held-out cohort"
        ),
    }


def _method(run: Run) -> dict[str, str]:
    groups = sorted(run.dominance["groups"], key=group_rank)
    named = ", ".join(group_name(group).lower() for group in groups)
    table = run.table
    baselines = [
        score_name(name).lower()
        for name in sorted(run.validation["scores"], key=score_rank)
        if name.startswith("baseline_")
    ]
    calculated = "a logit per sample from frozen models, averaged over a subject's samples"
    return {
        "folds": str(run.config.model.folds),
        "preparation": (
            "reads are filtered and counted by reason, fragments decoded, samples with too few of them "
            "left out"
            if table is None
            else f"{table.features:,} columns were mapped to groups by their names; what was done before the "
            "table is not known to the software"
        )
        + "; the same for all subjects",
        "predictors": f"feature groups: {named}; all features of a group, none chosen by the label",
        "measured": (
            "from sequenced fragments by one program, which reads no label"
            if table is None
            else "as the table says; a group is its columns"
        ),
        "missing": (
            "a feature that was not measured takes the median of the subjects that a model was fitted on"
            if table is None
            else missing_sentence(table).rstrip(".")
        ),
        "form": "standardised, linear in the logit; no feature is cut into classes by the label",
        "model": (
            "the model under study was fitted without the held-out cohort; the proxy's penalty comes from "
            "nested cross-validation by subject"
            if run.proxy
            else "the model under study was fitted without the held-out cohort; there is no proxy"
        ),
        "measures": (
            "AUROC, AUPRC, Brier score, calibration slope, intercept and smooth curve, sensitivity at a "
            f"specificity; paired differences with Holm against {', '.join(baselines)}"
        ),
        "calculated": f"{calculated}; the proxy's coefficients are in proxy.json"
        if run.proxy
        else calculated,
        "poor": (
            "cfdna-interp score warns where a new sample lies outside the training range, and says which "
            "number"
        ),
        "version": __version__,
    }


def _result(run: Run) -> dict[str, str]:
    validation, audit, verdict = run.validation, run.audit, run.verdict
    opened = validation["opened"]
    main = [name for name in ("model", "proxy") if name in validation["scores"]]
    open_ = [rung["rung"] for rung in verdict["rungs"] if rung["status"] != "earned"]
    divided = [row["by"] for row in validation["subgroups"]["model"] if row["groups"]]
    return {
        "headline": " ".join(verdict["sentences"]),
        "detectable": detectable_sentence(validation).rstrip("."),
        "shift": shift_sentences(audit["shift"])[0].rstrip("."),
        "protocol": validation["protocol_digest"][:12] + "…",
        "opening": "the first opening of the held-out labels"
        if opened == 1
        else f"opening {opened} of the held-out labels: exploratory",
        "performance": "; ".join(
            f"{score_name(name)}: AUROC {interval(validation['scores'][name]['auroc'])}" for name in main
        ),
        "handling": f"{audit['handling']['status']}: {audit['handling']['reason']}",
        "fairness": f"AUROC by {' and '.join(divided)}, with a test of heterogeneity"
        if divided
        else "nothing: the cohort has neither site, sex nor age",
        "specification": (
            f"proxy.json: {len(run.proxy['features'])} features with their coefficients, intercept and "
            "scales; cfdna-interp score applies it"
            if run.proxy
            else f"there is no proxy: {run.no_proxy}"
        ),
        "limits": f"not earned: {', '.join(sorted(open_))}; why stands beside each rung"
        if open_
        else "every rung was earned; what that does not mean stands beside each",
        "next": f"rows of hypotheses.tsv: {len(run.hypotheses)}, each with the assay that would test it",
    }
