"""Making ``report.html`` and ``manifest.json`` from the results of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import plotly.graph_objects as go
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from cfdna_interp import __version__
from cfdna_interp.artifacts.files import digest_file, plain, write_text
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import ROLES
from cfdna_interp.attribution.judge import CONTEXT_LIMIT
from cfdna_interp.attribution.lead import HIGH, LOW
from cfdna_interp.attribution.roles import CEILING
from cfdna_interp.config import Config
from cfdna_interp.records.base import save_record
from cfdna_interp.records.manifest import Manifest
from cfdna_interp.report import words
from cfdna_interp.report.checklist import checklist
from cfdna_interp.report.collect import Run, collect
from cfdna_interp.report.feature_table import feature_rows
from cfdna_interp.report.figures.attribution import attribution_figure
from cfdna_interp.report.figures.audit import coefficient_figure, handling_forest
from cfdna_interp.report.figures.calibration import calibration_figure
from cfdna_interp.report.figures.calls import m_bias_figure
from cfdna_interp.report.figures.feature_shares import feature_share_figure
from cfdna_interp.report.figures.heldout import auroc_forest, roc_figure
from cfdna_interp.report.figures.interventions import intervention_figure
from cfdna_interp.report.figures.lengths import length_by_batch, length_by_label
from cfdna_interp.report.figures.losses import losses_figure
from cfdna_interp.report.figures.maps import length_map_figure
from cfdna_interp.report.figures.representation import representation_figures
from cfdna_interp.report.figures.subgroups import subgroup_forest
from cfdna_interp.report.figures.tissue import residual_figure
from cfdna_interp.report.heldout import subgroup_rows
from cfdna_interp.report.hypotheses import arrange
from cfdna_interp.report.interventions import (
    QUESTIONS,
    REFERENCES,
    agreement,
    combinations,
    diagnostics,
    refusals,
)
from cfdna_interp.report.losses import filter_rows
from cfdna_interp.report.manifest import build_manifest
from cfdna_interp.report.marks import OPENED, lock_changes, lock_sentence, page_marks
from cfdna_interp.report.methods import methods_paragraphs
from cfdna_interp.report.model import describe_model
from cfdna_interp.report.parts import (
    audit_parts,
    embedding_parts,
    heldout_parts,
    loss_parts,
    proxy_parts,
    tissue_parts,
)
from cfdna_interp.report.probe_words import not_probed_words, probe_words
from cfdna_interp.report.representation import concept_name, metric_name
from cfdna_interp.report.roles import outcome_title, overruled, role_sentences
from cfdna_interp.report.sections import sections_of
from cfdna_interp.report.sources import sources_of
from cfdna_interp.verdict.missing_words import missing_words
from cfdna_interp.verdict.reliance_words import reliance_sentence
from cfdna_interp.verdict.rung_words import rung_words

TEMPLATES = Path(__file__).with_name("templates")
FLAGGED_ROWS = 20  # samples shown with what is wrong with their calls; qc/ has them all


def build_report(config: Config, layout: Layout) -> None:
    """Write the page and the manifest.

    The page is one file that loads nothing: scripts, styles and figures are inside. It holds no time
    and no random identifier, so equal results give equal bytes.

    Raises
    ------
    InputError
        A result of an earlier stage is missing or damaged.
    """
    run = collect(config, layout)
    manifest = build_manifest(config, layout)
    page = layout.file("report.html")
    write_text(page, render(run, manifest))
    files = manifest.files | {page.name: digest_file(page)}
    save_record(msgspec.structs.replace(manifest, files=files), layout.file(Manifest.FILE))


def render(run: Run, manifest: Manifest) -> str:
    """Return the page as HTML; every text of the run is escaped."""
    whole = words.whole_name(run.validation)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": words.number,
        "percent": words.percent,
        "interval": words.interval,
        "interval_percent": words.interval_percent,
        "p_value": words.p_value,
        "group_name": words.group_name,
        "score_name": lambda score: words.score_name(score, whole),
        "significant": words.significant,
        "term_name": words.term_name,
        "reliance": reliance_sentence,
        "concept_name": concept_name,
        "metric_name": metric_name,
        "missing_words": missing_words,
        "not_probed_words": not_probed_words,
        "probe_words": probe_words,
        "rung_words": lambda rung: rung_words(rung, run.dominance, run.audit),
        "reference_name": lambda name: REFERENCES[name],
        "settings": _settings,
    }
    judged = run.audit.handling.score
    sections = sections_of(table=run.table is not None, tissue=bool(run.tissues))
    return environment.get_template("report.html").render(
        run=run,
        config=run.config,
        manifest=manifest,
        version=__version__,
        figures={
            name: {"height": figure.layout.height, "json": _json(figure)}
            for name, figure in draw(run).items()
        },
        sections=sections,
        titles=dict(sections),
        checklist=checklist(run, tuple(name for name, _ in sections)),
        feature_rows=feature_rows(run.table) if run.table else [],
        lock=lock_sentence(run.validation.opening),
        lock_changes=lock_changes(run.validation.opening),
        marks=page_marks(run.validation.opening, run.simulated),
        opened_sections=OPENED,
        strata=run.strata(),
        whole=whole,
        roles=ROLES,
        role_names=words.ROLE_NAMES,
        n=run.counts(),
        scores=sorted(run.validation.scores, key=words.score_rank),
        groups=sorted(run.dominance.groups, key=words.group_rank),
        model_card=describe_model(run.model, run.dominance.fidelity, run.dominance.rivals),
        outcome=outcome_title(run.dominance.outcome, run.dominance.group),
        evidence=words.evidence_rows,
        limits={"context": CONTEXT_LIMIT, "low": LOW, "high": HIGH, "ceiling": CEILING},
        overruled=overruled(run.dominance, run.audit, run.verdict.rungs),
        sentences_of_roles=role_sentences(run.dominance),
        combinations=combinations(run.dominance.interventions),
        agreement=agreement(run.dominance.interventions),
        refusals=refusals(run.dominance),
        questions={name: QUESTIONS[name] for name in run.config.attribution.interventions},
        diagnostics=diagnostics(run.dominance.diagnostics),
        **embedding_parts(run),
        hypotheses=arrange(run),
        judged=judged,
        **heldout_parts(run, judged),
        **proxy_parts(run),
        **audit_parts(run),
        **loss_parts(run),
        **tissue_parts(run),
        flagged_rows=FLAGGED_ROWS,
        methods=methods_paragraphs(run),
        sources=sources_of(table=run.table is not None),
        plotly=Markup(get_plotlyjs()),
        style=_asset("style.css"),
        script=_asset("figures.js"),
    )


def draw(run: Run) -> dict[str, go.Figure]:
    """Return the figures of the page by their fixed names; absent ones have no data in this run."""
    figures = {
        "attribution": attribution_figure(run.dominance, run.validation, context=run.table is None),
        "roc": roc_figure(run.validation, run.scores),
        "calibration": calibration_figure(run.validation, run.scores),
        "auroc": auroc_forest(run.validation),
        "handling": handling_forest(run.audit, run.validation),
    }
    judged = run.audit.handling.score
    divided = subgroup_forest(subgroup_rows(run.validation, judged), run.validation.scores[judged].auroc)
    if divided is not None:
        figures["subgroups"] = divided
    if run.table is not None:
        figures["feature-shares"] = feature_share_figure(feature_rows(run.table))
    else:
        tables = [run.lengths[role] for role in ROLES]
        figures |= {
            "length-by-label": length_by_label(tables),
            "length-by-batch": length_by_batch(tables),
            "interventions": intervention_figure(
                combinations(run.dominance.interventions), run.dominance.groups
            ),
        }
    if run.calls is not None and run.calls.measured:
        figures["m-bias"] = m_bias_figure(run.calls)
    if rows := filter_rows(run.losses):
        figures["losses"] = losses_figure(run.losses, rows)
    if any(one.tissue.residual.value is not None for one in run.tissues):
        figures["tissue-residuals"] = residual_figure(run.tissues)
    if run.maps is not None:
        figures["length-map"] = length_map_figure(run.maps.length)
    if run.proxy is not None:
        figures["coefficients"] = coefficient_figure(run.proxy)
    return figures | representation_figures(run.representation)


def _json(figure: go.Figure) -> Markup:
    # Inside a script element only "<" can end the element or open a comment; JSON may write it as \u003c.
    return Markup(figure.to_json(engine="json").replace("<", "\\u003c"))


def _settings(config: dict[str, Any]) -> str:
    """Write the settings as YAML, the form in which they can be used again."""
    text: str = yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True)
    return text


def _asset(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
