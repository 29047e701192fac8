"""What a run answers to the items of the checklist: its people and its results."""

from __future__ import annotations

from collections.abc import Sequence

from cfdna_interp.artifacts.sheet import ROLES
from cfdna_interp.records.validation import Division
from cfdna_interp.records.verdict import Status
from cfdna_interp.report.answers_method import method_answers
from cfdna_interp.report.collect import Run
from cfdna_interp.report.heldout import detectable_sentence, held_out
from cfdna_interp.report.leakage import shift_sentences
from cfdna_interp.report.words import interval, number, percent, score_name, term_name


def answers(run: Run) -> dict[str, str]:
    """Return what the names in ``resources/tripod_ai.yaml`` stand for in this run."""
    return _study(run) | method_answers(run) | _result(run)


def _study(run: Run) -> dict[str, str]:
    counts = run.counts()
    people = {role: f"{counts[role]['case']} cases + {counts[role]['control']} controls" for role in ROLES}
    cases = {
        role: percent(counts[role]["case"] / (counts[role]["case"] + counts[role]["control"]))
        for role in ROLES
    }
    sites = sorted({sample.site for members in run.samples.values() for sample in members} - {""})
    ages = [sample.age for members in run.samples.values() for sample in members if sample.age is not None]
    technical = {name for members in run.samples.values() for sample in members for name in sample.technical}
    return {
        "title": run.config.title,
        "discovery": people["discovery"],
        "heldout": people["heldout"],
        "discovery_cases": cases["discovery"],
        "heldout_cases": cases["heldout"],
        "source": (
            "a sheet of alignments"
            if run.table is None
            else f"a table of features, {run.table.record.source}"
        )
        + (", made by a program" if run.simulated else ""),
        "places": f"{len(sites)} {'site' if len(sites) == 1 else 'sites'}: {', '.join(sites)}"
        if sites
        else "the cohort names no site",
        "ages": f"age {number(min(ages), 0)} to {number(max(ages), 0)} years"
        if ages
        else "ages are not known",
        "excluded": _excluded(run),
        "dates": ", ".join(sorted(map(term_name, technical))) or "none",
        "study": (
            "both: a model is taken apart, a logistic regression that people can read is developed beside "
            "it, and both are evaluated on a held-out cohort"
            if run.proxy
            else f"{'evaluation' if run.foreign else 'both'}: a model is taken apart and evaluated on a "
            "held-out cohort"
        ),
        "analysed": _analysed(run, people["discovery"]),
    }


def _result(run: Run) -> dict[str, str]:
    validation, audit, verdict = run.validation, run.audit, run.verdict
    opened = validation.opening.number
    main = [name for name in ("model", "proxy") if name in validation.scores]
    against = [caution.sentence for caution in verdict.cautions]
    open_ = [rung.rung for rung in verdict.rungs if rung.status is not Status.EARNED]
    return {
        "headline": " ".join([*verdict.sentences, *against]),
        "detectable": detectable_sentence(validation).rstrip("."),
        "shift": shift_sentences(audit.shift)[0].rstrip("."),
        "protocol": validation.opening.protocol[:12] + "…",
        "opening": "the first opening of the held-out labels in this folder"
        if opened == 1
        else f"opening {opened} of the held-out labels: exploratory",
        "performance": "; ".join(
            f"{score_name(name)} {held_out(validation)}: AUROC {interval(validation.scores[name].auroc)}"
            for name in main
        ),
        "handling": str(run.judged.handling),
        "person": str(run.judged.person),
        "fairness": _fairness(validation.subgroups["model"]),
        "clusters": _clusters(run),
        "specification": (
            f"proxy.json: {len(run.proxy.features)} features with their coefficients, intercept and "
            "scales; cfdna-interp score applies it"
            if run.proxy
            else f"there is no proxy: {run.no_proxy}"
        ),
        "limits": _limits(open_, [caution.kind for caution in verdict.cautions]),
        "next": f"rows of hypotheses.tsv: {len(run.hypotheses)}, each with the assay that would test it",
    }


def _limits(open_: Sequence[str], kinds: Sequence[str]) -> str:
    said = (
        f"not earned: {', '.join(sorted(open_))}; why stands beside each rung"
        if open_
        else "every rung was earned; what that does not mean stands beside each"
    )
    if kinds:
        said += f". Stands against the verdict, with numbers beside it: {', '.join(dict.fromkeys(kinds))}"
    return said


def _excluded(run: Run) -> str:
    said = []
    if count := len(run.exclusions):
        said.append(
            f"{count} {'sample was' if count == 1 else 'samples were'} left out, each with its reason"
        )
    if run.table is not None and run.table.record.left_out:
        said.append(f"rows of the table without a role were not used: {run.table.record.left_out}")
    return "; ".join(said) or "no row was left out by this run"


def _analysed(run: Run, discovery: str) -> str:
    if not run.foreign:
        return f"{'model and proxy' if run.proxy else 'model'}: {discovery}"
    fitted = "surrogate and proxy" if run.proxy else "surrogate"
    return f"{fitted}: {discovery}; the model itself: not known to the software"


def _fairness(divisions: Sequence[Division]) -> str:
    """Say by what the AUROC was divided, and by what it was tested."""
    shown = [row.by for row in divisions if any(group.auroc for group in row.groups)]
    tested = [row.by for row in divisions if row.interaction is not None]
    if not shown:
        return "nothing: no group by site, sex or age has enough of both classes"
    test = f"with a test of heterogeneity by {' and '.join(tested)}" if tested else "not tested"
    return f"AUROC by {' and '.join(shown)}, {test}"


def _clusters(run: Run) -> str:
    """Name the ways of looking at batches and sites that gave a number in this run."""
    audit = run.audit
    divisions = run.validation.subgroups["model"]
    looked = {
        "AUROC within batches": audit.handling.measure is not None and bool(audit.strata.finest),
        "weighted for overlap in handling": audit.overlap_weighted.value is not None
        and audit.overlap_weighted.missing is None,
        "with one site left out": audit.leave_one_site_out.value is not None,
        "by site": any(row.by == "site" and any(g.auroc for g in row.groups) for row in divisions),
    }
    said = [name for name, done in looked.items() if done]
    return ", ".join(said) or "no way of holding batch or site gave a number; why stands beside each"
