"""Held-out numbers and audit of a made-up run, by the stages themselves or by their own records."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import structs

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.audit.batches import BatchReading
from cfdna_interp.audit.claims import judge_handling, judge_person
from cfdna_interp.audit.columns import HeldColumns
from cfdna_interp.audit.duplicates import NearDuplicates
from cfdna_interp.audit.hold import hold
from cfdna_interp.audit.leak_rule import Broken, Leak
from cfdna_interp.audit.leakage import Kind, Readable
from cfdna_interp.audit.matching import DepthMatched
from cfdna_interp.audit.overlap import Overlap
from cfdna_interp.audit.shared_fragments import SharedFragments
from cfdna_interp.audit.shift import FeatureShift, Shift
from cfdna_interp.audit.strata import comparison_strata
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Validation
from cfdna_interp.proxy.measure import Cohort, measure
from cfdna_interp.proxy.repeated import Discovery
from cfdna_interp.records.openings import Opening
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Counts

if TYPE_CHECKING:
    from fake_run import World

GROUPS = ("fragment_length", "methylation", "tissue_of_origin")
COMPARATORS = ("methylation_by_length", "end_motif", "coverage")
NOISES = (*GROUPS, *COMPARATORS, "all", "technical", "age", "context")
# A reason that would run as a program if it reached the page unescaped.
HOSTILE = "fewer than 2,000 fragments <script>alert(1)</script>"


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
    cohort = Cohort(
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
    validation: ValidationResult, world: World, rng: np.random.Generator, subjects: pd.DataFrame
) -> dict[str, object]:
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
    covariates = {"auroc": None, "reason": "the cohort has no such column that varies"}
    if world.covariates:
        covariates = {"auroc": structs.asdict(scores["baseline_covariates"].auroc)}
    return {
        "technical": {"auroc": structs.asdict(scores["baseline_technical"].auroc)},
        "covariates": covariates,
        "adjusted": [
            {"term": score, "coefficient": 2.31, "low": 1.5, "high": 3.1, "p": 1e-7},
            {"term": "age", "coefficient": -0.12, "low": -0.6, "high": 0.4, "p": 0.64},
        ]
        if world.covariates
        else [],
        "adjusted_reason": "" if world.covariates else "score and covariates separate the classes",
        "adjusted_robust": [
            {"term": score, "coefficient": 2.31, "low": 1.4, "high": 3.2, "p": 2e-7},
            {"term": "age", "coefficient": -0.12, "low": -0.7, "high": 0.5, "p": 0.69},
        ]
        if world.covariates
        else [],
        "adjusted_errors": "clustered by site, 24 clusters" if world.covariates else "",
        "within_strata": asdict(within)["measure"],
        "strata": {"finest": strata.finest, "nested": strata.nested, "coarse": strata.coarse},
        "overlap_weighted": {
            **asdict(Overlap(0.88, 0.8, 0.94, 36.1, 34.9, 0.05, 0.5, 0.08, ""))
            | ({"value": None, "low": None, "high": None, "reason": HOSTILE} if world.nested else {}),
            "terms": ["technical_gc", "site=Bergen"],
        },
        "depth_matched": asdict(DepthMatched(0.86, 0.77, 0.93, 35, 0.62, 0.5, "")),
        "leave_one_site_out": _left_out(world),
        "shift": asdict(_shift(world)),
        "leakage": _leakage(world),
        "missing": _missing(world),
        "depth_reason": "",
        "depth": [
            {
                "feature": f"length_bin_{low}_{low + 5}",
                "group": "fragment_length",
                "spearman": float(rng.uniform(-0.3, 0.3)),
                "q": float(rng.uniform(0.1, 1)),
            }
            for low in range(60, 200, 5)
        ],
        "batch_from_groups": {
            group: asdict(
                BatchReading(np.nan, np.nan, np.nan, 20, 1, "fewer than two batches")
                if world.nested
                else BatchReading(0.27, 0.25, 0.4, 40, 4, "")
            )
            for group in (*GROUPS, *COMPARATORS)
        },
        **{name: claim.record(score) for name, claim in claims.items()},
    }


def _left_out(world: World) -> dict[str, object]:
    groups = ["fragment_length"] if world.dominant else [*GROUPS, *COMPARATORS]
    if world.nested:
        return {"groups": groups, "value": None, "reason": "fewer than 3 sites hold both classes"}
    sites = [
        {"site": site, "case": world.per_class // 2, "control": world.per_class // 2, "auroc": 0.9}
        for site in world.batches
    ]
    interval = {"value": 0.9, "low": 0.83, "high": 0.94, "method": "DeLong within batch, logit scale"}
    return {"groups": groups, "reason": "", **interval, "sites": sites}


def _shift(world: World) -> Shift:
    features = [
        FeatureShift(f"length_bin_{low}_{low + 5}", "fragment_length", 1.2 - low / 100, 0.001 * low - 0.05)
        for low in range(60, 200, 5)
    ]
    p = 0.005 if world.nested else 0.4
    return Shift(0.54, 0.5, p, world.per_class, world.per_class, tuple(features), "")


def _missing(world: World) -> list[dict[str, object]]:
    """Ages of a quarter of the held-out cases are missing; nothing else is."""
    rows = []
    for role in ("discovery", "heldout"):
        for name, kind, columns in (("fragment_length", "features", 68), ("age", "column", 1)):
            gaps = role == "heldout" and name == "age" and world.covariates
            rows.append(
                {
                    "name": name,
                    "kind": kind,
                    "role": role,
                    "columns": columns,
                    "case": {"missing": 0.25 if gaps else 0.0, "n": world.per_class},
                    "control": {"missing": 0.0, "n": world.per_class},
                    "p": 0.001 if gaps else None,
                    "p_holm": 0.001 if gaps else None,
                    "worst": None,
                }
            )
    return rows


def _leakage(world: World) -> dict[str, object]:
    """Nothing found; without a dominant group a subject in both roles, twins and a telling order."""
    found = not world.dominant
    twin = [
        {"a": "S002", "b": "T003", "ratio": 0.04, "q": 1e-6, "group": "", "roles": ["discovery", "heldout"]}
    ]
    shared = [{"a": "S002", "b": "T003", "share": 0.31, "p": 1e-9, "roles": ["discovery", "heldout"]}]
    letters = "letters in the sample's id"
    readable = [
        Readable("discovery", Kind.ORDER, "order of the rows", 0.6, 0.55, 0.116, 0.348, 80).record(),
        Readable("heldout", Kind.LETTERS, letters, 0.97, 0.55, 0.001, 0.003, 80).record(),
    ]
    breaks = [asdict(Broken(kind, 1, 80)) for kind in (Leak.NAME, Leak.TWIN, Leak.MOLECULES)]
    left = {"value": 0.9, "low": 0.83, "high": 0.95, "method": "made up"}
    return {
        "shared_subjects": [HOSTILE] if found else [],
        "near_duplicates": asdict(NearDuplicates((), 31.4, 160, "")) | {"pairs": twin if found else []},
        "shared_fragments": asdict(SharedFragments((), 0.0, 160, "")) | {"pairs": shared if found else []},
        "readable_labels": readable if found else readable[:1],
        "read_names": "read names are not stored",
        "breaks": breaks if found else [],
        "followed": [{"source": letters, "correlation": 0.08, "p_holm": 0.31}] if found else [],
        "without": {"left_out": 2, "n": {"case": 39, "control": 39}, "scores": {"model": left}, "reason": ""}
        if found
        else None,
    }
