"""What the sections of the page need beside the records of a run."""

from __future__ import annotations

from typing import Any

from cfdna_interp.report.collect import Run
from cfdna_interp.report.features import feature_notes, quality_rows, survivor_rows
from cfdna_interp.report.figures.sparse_features import strongest
from cfdna_interp.report.handling import DEPTH_ROWS, column_rows, decisions, deepest, depth_counts, measures
from cfdna_interp.report.heldout import (
    REPEATED,
    curve_notes,
    detectable_sentence,
    directionless_sentence,
    main_scores,
    operating_rows,
    paired_sentences,
    repeat_rows,
    repeat_sentences,
    subgroup_caution,
    subgroup_rows,
    subgroup_sentences,
)
from cfdna_interp.report.leakage import (
    READ_NAMES,
    checks,
    leak_sentence,
    shift_rows,
    shift_sentences,
    sources,
)
from cfdna_interp.report.length_curve import curve_sentences
from cfdna_interp.report.losses import SHOWN, filter_rows, losses_sentence, outlying_losses
from cfdna_interp.report.missing import missing_rows, missing_sentence
from cfdna_interp.report.proxy import agreements, describe_proxy, stability_sentence, stable_rows
from cfdna_interp.report.routes import compare_routes
from cfdna_interp.report.tissue import CLASSES, residual_rows, tissue_sentences, type_rows, unexplained
from cfdna_interp.report.words import group_rank


def audit_parts(run: Run) -> dict[str, Any]:
    """Return what the sections on handling and on leaks need."""
    audit = run.audit
    return {
        "measures": measures(audit, run.validation),
        "decisions": decisions(run.judged),
        "column_rows": column_rows(audit.handling, audit.person),
        "audited_groups": sorted(audit.batch_from_groups, key=group_rank),
        "depth": deepest(audit.depth.correlations),
        "depth_counts": depth_counts(audit.depth.correlations),
        "depth_rows": DEPTH_ROWS,
        "leaks": checks(audit.leakage),
        "leak_sentence": leak_sentence(audit.leakage),
        "read_names": READ_NAMES[audit.leakage.read_names],
        "leak_sources": sources(audit.leakage),
        "missing_rows": missing_rows(audit.missing, run.protocol.left_out),
        "missing": missing_sentence(audit.missing, run.table.record.empty if run.table else ()),
        "shift_sentences": shift_sentences(audit.shift),
        "shift_rows": shift_rows(audit.shift),
    }


def heldout_parts(run: Run, judged: str) -> dict[str, Any]:
    """Return what the section on held-out performance needs beside ``validation.json``."""
    validation, main = run.validation, main_scores(run.validation)
    return {
        "operating": operating_rows(validation),
        "curve_notes": curve_notes(validation),
        "any_recalibrated": any(validation.calibration_curve[name].missing for name in main),
        "detectable": detectable_sentence(validation),
        "paired_sentences": paired_sentences(validation),
        "directionless": directionless_sentence(validation),
        "repeats": repeat_sentences(validation),
        "repeat_rows": repeat_rows(validation),
        "repeat_words": REPEATED,
        "subgroup_sentences": subgroup_sentences(validation, judged),
        "subgroup_caution": subgroup_caution(validation, judged),
        "cautions": {name: said for name in main if (said := validation.scores[name].auroc_caution)},
        "subgroups": {name: rows for name in main if (rows := subgroup_rows(validation, name))},
    }


def proxy_parts(run: Run) -> dict[str, Any]:
    """Return what the section on the proxy needs, as far as there is one."""
    if run.proxy is None:
        return {}
    stability = run.proxy.stability
    return {
        "proxy_sentences": describe_proxy(run.proxy),
        "agreements": agreements(run.proxy, run.validation, foreign=run.foreign),
        "stability_sentence": stability_sentence(stability),
        "stable_rows": stable_rows(stability),
    }


def loss_parts(run: Run) -> dict[str, Any]:
    """Return what the section on exclusions needs to say where reads went."""
    return {
        "losses_sentence": losses_sentence(run.losses),
        "least_loss": SHOWN,
        "loss_rows": filter_rows(run.losses),
        "outlying_losses": outlying_losses(run.losses),
    }


def tissue_parts(run: Run) -> dict[str, Any]:
    """Return what the section on tissue of origin needs."""
    return {
        "tissue_sentences": tissue_sentences(run.tissues),
        "residual_rows": residual_rows(run.tissues),
        "not_explained": unexplained(run.tissues),
        "type_rows": type_rows(run.tissues),
        "class_names": CLASSES,
    }


def embedding_parts(run: Run) -> dict[str, Any]:
    """Return what the section on embeddings needs beside the records, as far as there is any."""
    found = run.representation
    texts: dict[str, Any] = {"routes": None, "curve_sentences": []}
    if found.funnel is not None:
        texts |= {
            "routes": compare_routes(found.funnel, run.dominance.outcome, run.dominance.group),
            "survivors": survivor_rows(found.funnel),
            "shown_features": strongest(found.funnel.survivors),
            "feature_notes": feature_notes(found.funnel),
            "quality": quality_rows(found.dictionaries),
        }
    if found.geometry is not None:
        texts["curve_sentences"] = curve_sentences(found.geometry)
    return texts
