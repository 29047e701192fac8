"""Held-out numbers and audit of a made-up run, by the stages themselves or by their own records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import made_audit
import numpy as np
import pandas as pd
from msgspec.structs import replace

from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.audit.claims import judge_handling, judge_person
from cfdna_interp.audit.comparison_strata import comparison_strata
from cfdna_interp.audit.held_columns import HeldColumns
from cfdna_interp.audit.hold import hold, measure_record
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Validation
from cfdna_interp.proxy.measure import HeldoutSubjects, measure
from cfdna_interp.proxy.repeated import Discovery
from cfdna_interp.records.audit import (
    AdjustedEffect,
    AdjustedEffects,
    Audit,
    BatchReading,
    DepthCorrelation,
    DepthCorrelations,
    FeatureShift,
    LeaveOneSiteOut,
    MissingCells,
    MissingShare,
    RoleShift,
    SiteAuroc,
)
from cfdna_interp.records.leaks import FollowedSource, Leak, Leakage, SourceKind
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.openings import Opening
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Counts

if TYPE_CHECKING:
    from fake_run import World

GROUPS = ("fragment_length", "methylation", "tissue_of_origin")
COMPARATORS = ("methylation_by_length", "end_motif", "coverage")
NOISES = (*GROUPS, *COMPARATORS, "all", "technical", "age", "context")
# A text that would run as a program if it reached the page unescaped.
HOSTILE = "fewer than 2,000 fragments <script>alert(1)</script>"
HOSTILE_SITE = Missing(why=Cause.SITE_NEEDED, names=(HOSTILE,))


def validation_record(
    samples: list[Sample],
    latents: dict[str, float],
    world: World,
    rng: np.random.Generator,
    config: Config,
    discovery: Discovery,
    opening: Opening,
) -> tuple[pd.DataFrame, ValidationResult]:
    labels = np.array([sample.label for sample in samples])
    z = np.array([latents[sample.sample] for sample in samples])
    noise = {
        name: rng.normal(size=len(z))
        for name in (*GROUPS, *COMPARATORS, "all", "technical", "age", "context")
    }
    columns = {"model": 1.8 * z + 0.4 * noise["all"]}
    if world.dominant:
        columns["proxy"] = 1.6 * z + 0.6 * noise["fragment_length"]
    for group in GROUPS:
        own = z if group == "fragment_length" else 0 * z
        columns[f"model_without_{group}"] = (0 if group == "fragment_length" else 1.7) * z + noise[group]
        columns[f"model_only_{group}"] = 1.5 * own + noise[group]
        columns[f"baseline_{group}"] = 1.4 * own + noise[group]
    for group in COMPARATORS:
        columns[f"baseline_{group}"] = 0.2 * z + noise[group]
    columns["model_only_context"] = noise["context"]
    columns["baseline_all"] = 1.5 * z + 0.8 * noise["all"]
    columns["baseline_technical"] = noise["technical"]
    if world.covariates:
        columns["baseline_covariates"] = noise["age"]
    frame = pd.DataFrame(
        {
            "subject": [sample.subject for sample in samples],
            "label": labels,
            "site": [sample.site for sample in samples],
            "batch": [sample.batch for sample in samples],
            **(
                {"age": [s.age for s in samples], "sex": [s.sex for s in samples]} if world.covariates else {}
            ),
            **columns,
        }
    )
    known: dict[str, list[object]] = {"site": [sample.site for sample in samples]}
    if world.covariates:
        known |= {"age": [sample.age for sample in samples], "sex": [sample.sex for sample in samples]}
    cohort = HeldoutSubjects(
        subjects=tuple(sample.subject for sample in samples),
        labels=labels,
        batches=tuple(sample.batch for sample in samples),
        scores=columns,
        group="fragment_length" if world.dominant else None,
        covariates=known,
        discovery=discovery,
    )
    record = measure(
        cohort,
        config,
        opening=opening,
        discovery=Counts(case=world.per_class, control=world.per_class),
        simulated=world.simulated,
    )
    return frame, record


def audit_record(
    validation: ValidationResult,
    world: World,
    rng: np.random.Generator,
    subjects: pd.DataFrame,
    opening: Opening,
) -> Audit:
    score = "proxy" if world.dominant else "model"
    scores = validation.scores
    labels, values = subjects["label"].to_numpy(), subjects[score].to_numpy()
    claims = {
        name: judge(labels, values, subjects, margin=Validation().fall_margin, rng=np.random.default_rng(1))
        for name, judge in (("handling", judge_handling), ("person", judge_person))
    }
    strata = comparison_strata(labels, subjects)
    nothing = HeldColumns(np.empty((len(labels), 0)), ())
    within = hold(labels, values, strata.codes, nothing, Validation().fall_margin)
    covariates = made_audit.baseline(None, made_audit.NO_INPUT)
    if world.covariates:
        covariates = made_audit.baseline(scores["baseline_covariates"].auroc)
    overlap = made_audit.weights()
    if world.nested:
        overlap = made_audit.weights(value=None, low=None, high=None, missing=HOSTILE_SITE)
    return Audit(
        opening=opening,
        technical=made_audit.baseline(scores["baseline_technical"].auroc),
        covariates=covariates,
        adjusted=_adjusted(score, world),
        within_strata=measure_record(within.measure),
        strata=strata.places,
        overlap_weighted=overlap,
        depth_matched=made_audit.matched(),
        leave_one_site_out=_left_out(world),
        shift=_shift(world),
        leakage=_leakage(world),
        missing=_missing(world),
        depth=DepthCorrelations(
            correlations=tuple(
                DepthCorrelation(
                    feature=f"length_bin_{low}_{low + 5}",
                    group="fragment_length",
                    spearman=float(rng.uniform(-0.3, 0.3)),
                    q=float(rng.uniform(0.1, 1)),
                )
                for low in range(60, 200, 5)
            ),
            missing=None,
        ),
        batch_from_groups={group: _reading(world) for group in (*GROUPS, *COMPARATORS)},
        **{name: claim.record(score) for name, claim in claims.items()},
    )


def _adjusted(score: str, world: World) -> AdjustedEffects:
    if not world.covariates:
        missing = Missing(why=Cause.SCORE_SEPARATES)
        return AdjustedEffects(effects=(), robust=(), errors="", missing=missing)
    return AdjustedEffects(
        effects=(
            AdjustedEffect(term=score, coefficient=2.31, low=1.5, high=3.1, p=1e-7),
            AdjustedEffect(term="age", coefficient=-0.12, low=-0.6, high=0.4, p=0.64),
        ),
        robust=(
            AdjustedEffect(term=score, coefficient=2.31, low=1.4, high=3.2, p=2e-7),
            AdjustedEffect(term="age", coefficient=-0.12, low=-0.7, high=0.5, p=0.69),
        ),
        errors="clustered by site, 24 clusters",
    )


def _reading(world: World) -> BatchReading:
    if world.nested:
        few = Missing(why=Cause.FEW_BATCHES, seen=1, needed=5)
        return BatchReading(accuracy=None, chance=None, p=None, subjects=20, batches=1, missing=few)
    return BatchReading(accuracy=0.27, chance=0.25, p=0.4, subjects=40, batches=4, missing=None)


def _left_out(world: World) -> LeaveOneSiteOut:
    groups = ("fragment_length",) if world.dominant else (*GROUPS, *COMPARATORS)
    if world.nested:
        return made_audit.left_out(groups=groups)
    half = world.per_class // 2
    return made_audit.left_out(
        None,
        groups=groups,
        value=0.9,
        low=0.83,
        high=0.94,
        method="DeLong within batch, logit scale",
        sites=tuple(SiteAuroc(site=site, case=half, control=half, auroc=0.9) for site in world.batches),
    )


def _shift(world: World) -> RoleShift:
    return made_audit.shift(
        p=0.005 if world.nested else 0.4,
        discovery=world.per_class,
        heldout=world.per_class,
        features=tuple(
            FeatureShift(
                feature=f"length_bin_{low}_{low + 5}",
                group="fragment_length",
                difference=1.2 - low / 100,
                q=0.001 * low - 0.05,
            )
            for low in range(60, 200, 5)
        ),
    )


def _missing(world: World) -> tuple[MissingShare, ...]:
    """Ages of a quarter of the held-out cases are missing; nothing else is."""
    rows = []
    for role in ROLES:
        for name, kind, columns in (("fragment_length", "features", 68), ("age", "column", 1)):
            gaps = role == "heldout" and name == "age" and world.covariates
            rows.append(
                MissingShare(
                    name=name,
                    kind=kind,
                    role=role,
                    columns=columns,
                    case=MissingCells(missing=0.25 if gaps else 0.0, n=world.per_class),
                    control=MissingCells(missing=0.0, n=world.per_class),
                    p=0.001 if gaps else None,
                    p_holm=0.001 if gaps else None,
                    worst=None,
                )
            )
    return tuple(rows)


def _leakage(world: World) -> Leakage:
    """Nothing found; without a dominant group a subject in both roles, twins and a telling order."""
    order = made_audit.source(role="discovery", auroc=0.6, p=0.116, p_holm=0.348, tells=False)
    twins = made_audit.twins("S002", "T003")
    nothing = made_audit.leakage(readable_labels=(order,))
    nothing = replace(nothing, near_duplicates=replace(nothing.near_duplicates, dimension=31.4))
    if world.dominant:
        return nothing
    letters = "letters in the sample's id"
    told = made_audit.source(letters, kind=SourceKind.LETTERS, auroc=0.97, p=0.001, p_holm=0.003)
    molecules = replace(made_audit.molecules("S002", "T003"), share=0.31, p=1e-9)
    return replace(
        nothing,
        shared_subjects=(HOSTILE,),
        near_duplicates=replace(nothing.near_duplicates, pairs=(replace(twins, ratio=0.04, q=1e-6),)),
        shared_fragments=replace(nothing.shared_fragments, pairs=(molecules,)),
        readable_labels=(order, told),
        breaks=tuple(made_audit.broken(kind, 1) for kind in (Leak.NAME, Leak.TWIN, Leak.MOLECULES)),
        followed=(FollowedSource(source=letters, correlation=0.08, p_holm=0.31),),
        without=made_audit.without(2, 39, {"model": made_audit.auroc(0.9, 0.83, 0.95)}),
    )
