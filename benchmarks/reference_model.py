"""How close the reference model comes to the planted latent, on subjects that it never saw.

    python benchmarks/reference_model.py --seeds 5

Fragment tables of 200 discovery and 400 held-out subjects with Cohen's d = 2 in one group: pre-training,
heads cross-fitted on discovery, their ensemble scores the others. The latent's own AUROC on the same subjects
is the most that any model could reach.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.models.bags import ContextMix, inputs_of, locus_classes
from cfdna_interp.models.crossfit import crossfit
from cfdna_interp.models.masked_pretraining import pooled_fragments, pretrain
from cfdna_interp.simulation.fragment_tables import simulate_tables
from cfdna_interp.simulation.worlds import load_world
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import auroc, paired_difference

PLANTED = {"length": "fragment_length", "methylation": "methylation", "tissue": "tissue_of_origin"}
DISCOVERY, HELDOUT, FRAGMENTS = 200, 400, 10_000
BAGS, SIZE, DIM, FOLDS = 5, 2_000, 32, 5


def one_run(world_name: str, seed: int) -> dict[str, object]:
    """Return the AUROC of model and latent on the held-out subjects, and their paired difference."""
    world = load_world(world_name)
    cohort = simulate_tables(
        replace(world, discovery=DISCOVERY, heldout=HELDOUT, fragments=FRAGMENTS), seed=seed
    )
    classes, loci = locus_classes(cohort.atlas)
    rows = [subject.row for subject in cohort.subjects]
    discovery = np.array([row.role == "discovery" for row in rows])
    labels = np.array([int(row.label or 0) for row in rows])
    tables = [table for table, own in zip(cohort.tables, discovery, strict=True) if own]
    encoder, _ = pretrain(
        pooled_fragments(tables, classes, 200_000, seed), loci=loci, dim=DIM, epochs=6, seed=seed
    )
    inputs = [inputs_of(table, classes) for table in cohort.tables]
    mix = ContextMix([part for part, own in zip(inputs, discovery, strict=True) if own])
    bags = torch.empty(len(rows), BAGS, SIZE, encoder.dim)
    for place, (row, fragments) in enumerate(zip(rows, inputs, strict=True)):
        rng = stream(seed, "bags", row.sample)
        drawn = mix.bag_rows(fragments, BAGS, SIZE, rng, sample=row.sample)
        ordered = [bag[np.argsort(fragments.region[bag], kind="stable")] for bag in drawn]
        bags[place] = encoder.encode(fragments.take(np.concatenate(ordered))).reshape(BAGS, SIZE, -1)
    known = torch.from_numpy(np.flatnonzero(discovery))
    fitted = crossfit(
        bags[known],
        labels[discovery],
        np.arange(int(discovery.sum())),
        folds=FOLDS,
        rng=stream(seed, "train"),
    )
    model = fitted.ensemble_logits(bags[torch.from_numpy(np.flatnonzero(~discovery))]).mean(axis=1)
    latent = np.array([subject.latents[BAG_GROUPS.index(PLANTED[world_name])] for subject in cohort.subjects])
    heldout, planted = labels[~discovery], latent[~discovery]
    gap = paired_difference(heldout, planted, model, stream(seed, "paired"))
    return {
        "world": world_name,
        "seed": seed,
        "latent": auroc(heldout, planted),
        "model": auroc(heldout, model),
        "low": gap.low,
        "high": gap.high,
    }


def main() -> None:
    """Run worlds × seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", choices=tuple(PLANTED), default=list(PLANTED))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/reference_model.jsonl"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.is_file() else []
    done = {(row["world"], row["seed"]) for row in rows}
    for world in given.worlds:
        for seed in range(1, given.seeds + 1):
            if (world, seed) in done:
                continue
            rows.append(one_run(world, seed))
            with given.out.open("a") as handle:
                handle.write(json.dumps(rows[-1]) + "\n")
            print(rows[-1], flush=True)
    print("\n| world | latent | model | latent − model (lowest to highest of the seeds) |\n|---|---|---|---|")
    for world in given.worlds:
        mine = [row for row in rows if row["world"] == world]
        gaps = [row["latent"] - row["model"] for row in mine]
        latent, model = (np.mean([row[name] for row in mine]) for name in ("latent", "model"))
        spread = f"{np.mean(gaps):.3f} ({min(gaps):.3f} to {max(gaps):.3f})"
        print(f"| {world} | {latent:.3f} | {model:.3f} | {spread} |")


if __name__ == "__main__":
    main()
