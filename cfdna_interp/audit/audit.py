"""Stage ``audit``: collect the evidence on biology or handling in ``audit.json``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table, group_inputs, load_table
from cfdna_interp.audit.adjusted import adjusted_effects
from cfdna_interp.audit.batches import batch_from_groups
from cfdna_interp.audit.claims import judge_handling, judge_person
from cfdna_interp.audit.comparison_strata import comparison_strata
from cfdna_interp.audit.depth import DEPTH, depth_correlations, subject_means
from cfdna_interp.audit.depth_matching import depth_matched
from cfdna_interp.audit.handling_terms import technical_design
from cfdna_interp.audit.held_columns import HeldColumns
from cfdna_interp.audit.hold import hold, measure_record
from cfdna_interp.audit.leaks import leaks
from cfdna_interp.audit.leave_one_site_out import leave_one_site_out
from cfdna_interp.audit.missing_cells import missing_shares
from cfdna_interp.audit.overlap import overlap_weighted
from cfdna_interp.audit.shift import role_shift
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.linear import PLAIN
from cfdna_interp.proxy.penalty import choose_penalty
from cfdna_interp.proxy.pipeline import pipeline
from cfdna_interp.records.audit import (
    Audit,
    Baseline,
    DepthMatched,
    LeaveOneSiteOut,
    RoleShift,
    SiteAuroc,
)
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.held import CovariatesAlone
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.records.subjects import load_subjects
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import interval_of, known
from cfdna_interp.stats.resampling import stream


def run_audit(config: Config) -> None:
    """Write ``audit.json``.

    Raises
    ------
    InputError
        A file of an earlier stage is missing or damaged, or the two of validation are of different openings.
    """
    layout = Layout.of(config.outdir)
    validation = load_record(ValidationResult, layout.file(ValidationResult.FILE))
    protocol = load_record(FrozenProtocol, layout.file(FrozenProtocol.FILE))
    absent, mediators, priority = protocol.absent, protocol.mediators, protocol.priority
    subjects = load_subjects(layout.file("validation.scores.parquet"), validation.opening)
    discovery = load_table(layout.matrix("discovery"))
    heldout = _labelled(load_table(layout.matrix("heldout")), subjects, layout)
    score = "proxy" if "proxy" in validation.scores else "model"
    labels, values = subjects["label"].to_numpy(), subjects[score].to_numpy(dtype=np.float64)
    terms, design = technical_design(subjects)
    # This is the frozen margin. One that was set after the opening must not decide.
    margin = protocol.margins.fall_margin
    strata = comparison_strata(labels, subjects)
    nothing = HeldColumns(np.empty((len(labels), 0)), ())
    handling = judge_handling(
        labels,
        values,
        subjects,
        margin=margin,
        rng=stream(config.seed, "audit", "handling"),
        mediators=mediators,
        priority=priority,
        sites_differ=_sites_differ(validation, score),
    )
    person = judge_person(
        labels,
        values,
        subjects,
        margin=margin,
        rng=stream(config.seed, "audit", "person"),
        mediators=mediators,
        priority=priority,
        alone=_covariates_alone(validation, score),
    )
    audit = Audit(
        opening=validation.opening,
        technical=_baseline(validation, absent, "baseline_technical"),
        covariates=_baseline(validation, absent, "baseline_covariates"),
        adjusted=adjusted_effects(subjects, score, mediators, priority),
        depth=depth_correlations(discovery),
        depth_matched=_depth_matched(subjects, score, config.seed),
        batch_from_groups=batch_from_groups(discovery, config.seed),
        within_strata=measure_record(hold(labels, values, strata.codes, nothing, margin).measure),
        strata=strata.places,
        overlap_weighted=overlap_weighted(
            labels, values, terms, design, stream(config.seed, "audit", "overlap")
        ),
        leave_one_site_out=_left_out(layout, discovery, heldout, config.seed),
        shift=_shift(discovery, heldout, config.seed),
        leakage=leaks(
            discovery,
            heldout,
            subjects,
            validation.scores["model"].auroc.low,
            layout if config.features.table is None else None,
            config.seed,
        ),
        missing=missing_shares(discovery, "discovery") + missing_shares(heldout, "heldout"),
        handling=handling.record(score),
        person=person.record(score),
    )
    save_record(audit, layout.file(Audit.FILE))


def _sites_differ(validation: ValidationResult, score: str) -> float | None:
    """Return the adjusted p value of equal AUROCs at all sites, or None if it wasn't tested."""
    tests = [row.interaction for row in validation.subgroups[score] if row.by == "site"]
    return tests[0].p_holm if tests and tests[0] is not None else None


def _covariates_alone(validation: ValidationResult, score: str) -> CovariatesAlone | None:
    """Return the AUROC of the baseline of covariates, and the score's AUROC minus it."""
    name = "baseline_covariates"
    pairs = [pair for pair in validation.paired if (pair.a, pair.b) == (score, name)]
    if not pairs or name not in validation.scores:
        return None
    return CovariatesAlone(auroc=interval_of(validation.scores[name].auroc), difference=interval_of(pairs[0]))


def _baseline(validation: ValidationResult, absent: dict[str, Missing], score: str) -> Baseline:
    """Return the AUROC of a baseline, or why there is none."""
    if score not in validation.scores:
        missing = absent.get(score, Missing(why=Cause.NO_INPUT))
        return Baseline(auroc=None, missing=missing, directionless=None)
    measured = validation.scores[score]
    turned = measured.directionless
    return Baseline(
        auroc=measured.auroc, missing=None, directionless=None if turned is None else interval_of(turned)
    )


def _labelled(table: Table, subjects: pd.DataFrame, layout: Layout) -> Table:
    labels = dict(zip(subjects["subject"].astype(str), subjects["label"].tolist(), strict=True))
    unknown = sorted(set(table.subjects) - set(labels))
    if unknown:
        raise InputError(
            f"subject {unknown[0]}: {layout.matrix('heldout')} holds it and "
            f"{layout.file('validation.scores.parquet')} does not; run the validate stage again"
        )
    return replace(table, labels=np.array([int(labels[subject]) for subject in table.subjects]))


def _depth_matched(subjects: pd.DataFrame, score: str, seed: int) -> DepthMatched:
    depth = subjects[DEPTH] if DEPTH in subjects else pd.Series(np.nan, index=subjects.index)
    return depth_matched(
        subjects["label"].to_numpy(),
        subjects[score].to_numpy(dtype=np.float64),
        depth.to_numpy(dtype=np.float64),
        stream(seed, "audit", "depth"),
    )


def _left_out(layout: Layout, discovery: Table, heldout: Table, seed: int) -> LeaveOneSiteOut:
    """Refit the proxy's regression, or without a proxy a regression on all groups in place of the model.

    Coefficients come from the other sites. Group and penalty are those of all discovery subjects.
    """
    assert discovery.labels is not None and heldout.labels is not None
    rng = stream(seed, "audit", "sites")
    groups = sorted(set(discovery.groups))
    regression = load_record(Proxy, layout.file(Proxy.FILE)).regression
    if regression is not None:
        groups = [regression.group]
    labels = np.concatenate([discovery.labels, heldout.labels])
    inputs = [group_inputs(table, groups) for table in (discovery, heldout)]
    names = inputs[0].names if regression is None else tuple(each.name for each in regression.features)
    places = [inputs[0].names.index(name) for name in names]
    parts = [each.X[:, places] for each in inputs]
    recipe = PLAIN if regression is None else regression.recipe
    subjects = np.array(discovery.subjects + heldout.subjects)
    sites = np.array(discovery.text("site") + heldout.text("site"), dtype=object)

    @cache
    def penalty() -> float:
        if regression is not None:
            return regression.C
        return choose_penalty(parts[0], labels[: len(parts[0])], np.array(discovery.subjects), rng)

    def refit(X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        model = pipeline(penalty(), recipe, names).fit(X, labels, regression__sample_weight=weights)
        return lambda tested: np.asarray(model.decision_function(tested))

    left = leave_one_site_out(
        np.concatenate(parts),
        labels,
        subjects,
        sites,
        np.arange(len(subjects)) < len(discovery.subjects),
        refit,
        rng,
    )
    if left.within is None:
        return LeaveOneSiteOut(
            value=None, low=None, high=None, groups=tuple(groups), method="", sites=(), missing=left.missing
        )
    interval = left.within.interval
    return LeaveOneSiteOut(
        value=known(interval.value),
        low=known(interval.low),
        high=known(interval.high),
        groups=tuple(groups),
        method=interval.method,
        sites=tuple(
            SiteAuroc(site=b.batch, case=b.case, control=b.control, auroc=b.auroc)
            for b in left.within.batches
        ),
        missing=None,
    )


def _shift(discovery: Table, heldout: Table, seed: int) -> RoleShift:
    controls = []
    for table in (discovery, heldout):
        values, control = subject_means(table)
        controls.append(values[control])
    return role_shift(
        controls[0], controls[1], discovery.names, discovery.groups, stream(seed, "audit", "shift")
    )
