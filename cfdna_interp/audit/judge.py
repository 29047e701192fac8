"""Biology or handling: gather what speaks for either into ``audit.json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cfdna_interp.artifacts.files import read_json, write_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.validation import load_subjects
from cfdna_interp.audit.adjusted import adjusted_effects
from cfdna_interp.audit.batches import batch_from_groups
from cfdna_interp.audit.depth import depth_correlations
from cfdna_interp.audit.within_batch import judge
from cfdna_interp.config import Config
from cfdna_interp.proxy.table import load_table


def run_audit(config: Config) -> None:
    """Write ``audit.json``.

    Raises
    ------
    InputError
        A file of an earlier stage is missing or damaged.
    """
    layout = Layout.of(config.outdir)
    validation = read_json(layout.file("validation.json"))
    subjects = load_subjects(layout.file("validation.scores.parquet"))
    discovery = load_table(layout.matrix("discovery"))
    score = "proxy" if "proxy" in validation["scores"] else "model"
    within = validation["within_batch"][score]
    handling = judge(within)
    adjusted = adjusted_effects(subjects, score)
    depth = depth_correlations(discovery)
    write_json(
        layout.file("audit.json"),
        {
            "technical": _baseline(validation, "baseline_technical"),
            "covariates": _baseline(validation, "baseline_covariates"),
            "adjusted": [asdict(effect) for effect in adjusted.effects],
            "adjusted_reason": adjusted.reason,
            "depth": [asdict(item) for item in depth.correlations],
            "depth_reason": depth.reason,
            "batch_from_groups": {
                group: asdict(reading) for group, reading in batch_from_groups(discovery, config.seed).items()
            },
            "handling": {
                "status": handling.status,
                "reason": handling.reason,
                "score": score,
                "crude": within["crude"],
                "within": within,
            },
        },
    )


def _baseline(validation: dict[str, Any], score: str) -> dict[str, Any]:
    if score in validation["scores"]:
        return {"auroc": validation["scores"][score]["auroc"]}
    return {"auroc": None, "reason": "the cohort has no such column that varies"}
