"""A made-up run: what the stages before `proxy` write, and the same taken on to the verdict."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import yaml
from made_dominance import around, dominance_record, group_attribution, intervention_shares
from msgspec.structs import replace

from cfdna_interp.artifacts.features import BAG_GROUPS, GROUPS
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import Prediction, Score, save_predictions, save_scores
from cfdna_interp.audit.audit import run_audit
from cfdna_interp.cohort.source import save_source
from cfdna_interp.config import Config, load_config
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.validate import run_validate
from cfdna_interp.records.base import save_record
from cfdna_interp.records.dominance import Dominance, Margin, Outcome
from cfdna_interp.records.retraining import SurrogateFidelity
from cfdna_interp.records.values import Interval
from cfdna_interp.verdict.verdict import run_verdict

# group -> how many features; names of the real stages where their form matters
SIZES = {
    "fragment_length": 12,
    "methylation": 5,
    "tissue_of_origin": 4,
    "methylation_by_length": 3,
    "end_motif": 6,
    "coverage": 5,
}


@dataclass(frozen=True)
class World:
    """What is planted: `effect` SD between the classes in the latent of the dominant group.

    With `site_shift` the latent also moves by that many SD between two sites, and `agreement` is the share
    of subjects whose site agrees with their label.
    """

    effect: float = 2.0
    site_shift: float = 0.0
    agreement: float = 0.5
    per_class: int = 40
    outcome: Outcome = "dominant"
    samples_per_subject: int = 1


def feature_names(group: str) -> list[str]:
    if group == "fragment_length":
        return [f"length_bin_{low}_{low + 5}" for low in range(100, 155, 5)] + ["length_mode"]
    return [f"{group}_{i}" for i in range(SIZES[group])]


def make_run(folder: Path, world: World, seed: int = 1) -> Config:
    """Write the run and return its settings."""
    rng = np.random.default_rng(seed)
    sheet = []
    layout = Layout.of(folder / "results")
    names = [name for group in SIZES for name in feature_names(group)]
    groups = [group for group in SIZES for _ in feature_names(group)]
    for role in ("discovery", "heldout"):
        label = np.repeat([1, 0], world.per_class)
        agrees = np.tile(np.arange(world.per_class) < round(world.agreement * world.per_class), 2)
        site = np.where(agrees, label, 1 - label)
        order = rng.permutation(2 * world.per_class)
        label, site = label[order], site[order]
        latent = rng.normal(size=len(label)) + world.effect * (label - 0.5) + world.site_shift * (site - 0.5)
        rows = np.repeat(np.arange(len(label)), world.samples_per_subject)
        X = rng.normal(size=(len(rows), len(names)))
        # Every length bin is the latent plus noise: their mean tells it almost exactly.
        X[:, :11] = latent[rows, None] + 0.5 * X[:, :11]
        samples = [f"{role[0].upper()}{i:03d}" for i in range(len(rows))]
        subjects = [f"P{role[0]}{row:03d}" for row in rows]
        age, sex = rng.integers(40, 80, len(label)), np.where(rng.random(len(label)) < 0.5, "F", "M")
        obs = pd.DataFrame(
            {
                "subject": subjects,
                "site": [f"site{s}" for s in site[rows]],
                "batch": [f"site{s}" for s in site[rows]],
                "age": age[rows].astype(float),
                "sex": sex[rows],
                "technical_fragments": rng.normal(10_000, 500, len(rows)),
                "technical_tube": [f"tube{s}" for s in site[rows]],
            },
            index=samples,
        )
        if role == "discovery":
            obs["label"] = label[rows]
        var = pd.DataFrame({"group": groups, "unit": "x", "definition": "made up"}, index=names)
        study = {"simulated": True, "study_groups": list(GROUPS), "model_groups": list(BAG_GROUPS)}
        data = anndata.AnnData(X=X, obs=obs, var=var, uns=study)
        layout.root.mkdir(parents=True, exist_ok=True)
        data.write_h5ad(layout.matrix(role), convert_strings_to_categoricals=False)
        for i, row in enumerate(rows):
            sheet.append(
                {
                    "sample": samples[i],
                    "subject": subjects[i],
                    "bam": f"{samples[i]}.bam",
                    "label": label[row],
                    "role": role,
                    "site": f"site{site[row]}",
                }
            )
        logits = (1.5 * latent[rows]) + 0.1 * rng.normal(size=len(rows))
        if role == "discovery":
            save_predictions(
                [
                    Prediction(s, p, int(label[row]), i % 5, float(logits[i]), 0.1)
                    for i, (s, p, row) in enumerate(zip(samples, subjects, rows, strict=True))
                ],
                layout.file("predictions.discovery.parquet"),
            )
        else:
            columns = {"model": logits}
            for group in BAG_GROUPS:
                noise = rng.normal(size=len(rows))
                dropped = group == "fragment_length"
                columns[f"model_without_{group}"] = noise if dropped else logits + 0.05 * noise
                columns[f"model_only_{group}"] = logits + 0.05 * noise if dropped else noise
            save_scores(
                [
                    Score(s, p, name, float(values[i]))
                    for name, values in columns.items()
                    for i, (s, p) in enumerate(zip(samples, subjects, strict=True))
                ],
                layout.scores("model"),
            )
    save_record(dominance(world.outcome), layout.file(Dominance.FILE))
    pd.DataFrame(sheet).to_csv(folder / "sheet.tsv", sep="\t", index=False)
    settings = {
        "sheet": "sheet.tsv",
        "outdir": "results",
        "seed": 7,
        "validation": {"permutations": 499, "bootstrap": 300},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    config = load_config(folder / "config.yaml")
    save_source(config)
    return config


def dominance(
    outcome: Outcome = "dominant",
    group: str | None = "fragment_length",
    *,
    context: float = 0.1,
    fidelity: SurrogateFidelity | None = None,
    excluded: bool = False,
) -> Dominance:
    """Return a `dominance.json` with the given outcome; a suppressor is tissue of origin."""
    named = group if outcome in ("dominant", "suppressor") else None
    groups = {name: group_attribution(around(0.1, 0.05, 0.05)) for name in BAG_GROUPS}
    if named is not None:
        groups[named] = group_attribution(Interval(value=0.8, low=0.7, high=0.9), "carrier")
    if outcome == "suppressor":
        groups["tissue_of_origin"] = replace(groups["tissue_of_origin"], role="suppressor")
    costs = {name: 0.0 if entry.role == "unused" else 0.3 for name, entry in groups.items()}
    shares = {name: entry.share.value or 0.0 for name, entry in groups.items()}
    return dominance_record(
        groups,
        outcome=outcome,
        group=named,
        margin=Margin(
            group=group or "fragment_length",
            value=0.05,
            low=-0.1,
            high=0.05 if excluded else 0.4,
            needed=0.1,
            excluded=excluded,
        ),
        context_and_joint=Interval(value=context, low=context, high=context),
        interventions=tuple(
            intervention_shares(name, "discovery", shares, 80) for name in ("swap", "reweight")
        ),
        cross_fitted_auroc={
            "model": 0.9,
            **{f"model_only_{name}": 0.9 if name == named else 0.52 for name in groups},
            **{f"model_without_{name}": 0.9 - cost for name, cost in costs.items()},
            "model_only_context": 0.5,
        },
        leave_out_cost=costs,
        fidelity=fidelity,
    )


@cache
def finished_run(world: World, root: Path) -> Config:
    """Return a run taken through all stages from `proxy` to `verdict`; made once, to be read only."""
    config = make_run(Path(tempfile.mkdtemp(dir=root)), world)
    for stage in (run_proxy, run_validate, run_audit, run_verdict):
        stage(config)
    return config


def copy_of(config: Config, folder: Path) -> Config:
    """Copy a run with its sheet and settings, for tests that change something."""
    shutil.copytree(Path(config.sheet).parent, folder, dirs_exist_ok=True)
    return load_config(folder / "config.yaml")
