"""Features that survive, in planted worlds: do they carry the planted group, do any where there is none.

    python benchmarks/representation.py

Cohorts are discovery subjects as fragment tables. Encoders are pre-trained once, without labels and on
cohorts of their own: the reference encoder, and a small causal model that reads bases with <m> behind
methylated C. Each world is seen through heads of its labels and 39 permutations; the world ``null``, and
the same cohort under an untrained encoder, through ``--nulls`` permutations, each held against the threshold
of the others. Finished rows are kept with their settings, and not repeated under the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# ruff: noqa: E402
import msgspec
import numpy as np
import torch
from scipy.sparse import csr_array

sys.path.insert(0, str(Path(__file__).parent / "planted_truth"))

from cohorts import label_free_encoder

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.head_refits import PermutedHeads
from cfdna_interp.attribution.study import Study
from cfdna_interp.config.settings import Attribution, Config, Model
from cfdna_interp.models.adapters.transformers import TransformersEncoder
from cfdna_interp.models.bags import ContextMix, inputs_of, locus_classes
from cfdna_interp.models.causal import pretrain_causal
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.models.reference_line import contig_starts
from cfdna_interp.models.rendering import Renderer, Rendering
from cfdna_interp.models.whitening import Whitened, fit_whitening
from cfdna_interp.representation.funnel import find_features
from cfdna_interp.representation.funnel_record import record_of
from cfdna_interp.representation.material import Material, Part
from cfdna_interp.representation.sparse_training import fit_sparse
from cfdna_interp.representation.untrained import untrained
from cfdna_interp.simulation.fragment_tables import simulate_tables
from cfdna_interp.simulation.worlds import load_world
from cfdna_interp.stats.calibration import wilson
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import auroc

OUT = Path(__file__).parent / "out" / "representation"
PLANTED = {
    "length": "fragment_length",
    "methylation": "methylation",
    "tissue": "tissue_of_origin",
    "null": None,
}
SEED = 1
FEATURES, ACTIVE, BLOCK, PASSES = 128, 4, 4, 6
SEEDS = 2
FRAGMENTS, RESAMPLES, FOLDS = 40_000, 1_000, 4
PERMUTATIONS = 39
_OF_SURVIVORS = ("feature", "family", "carrier", "t", "share", "kept", "unique", "carried")
RENDERING = Rendering(methylation="token", methylated="<m>", prefix="<frag>", suffix="</frag>")

Row = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """Of a cohort: discovery subjects, fragments of each, bags and their fragments."""

    subjects: int
    fragments: int
    bags: int
    bag: int


# What a causal model reads takes a thousand times as long.
SIZES = {"reference": Size(100, 4_000, 5, 640), "causal": Size(60, 1_500, 2, 500)}
SIZES_OF_WORLDS = {
    ("reference", "tissue"): Size(180, 10_000, 3, 1_600),  # few fragments touch a block
    ("causal", "tissue"): Size(100, 4_000, 1, 1_200),
    ("causal", "methylation"): Size(220, 1_500, 1, 450),
}
DIM = {"reference": 16, "causal": 24}


def units() -> Iterator[tuple[str, str]]:
    """Yield encoder and world of each row."""
    for encoder in SIZES:
        for world in PLANTED:
            yield encoder, world
        yield f"{encoder}, untrained", "null"


def settings_of(encoder: str, world: str, nulls: int) -> Row:
    """Return what a row rests on beside its encoder and world, as it is written into it."""
    kind = encoder.split(",")[0]
    return {
        "dictionary": {"features": FEATURES, "active": ACTIVE, "block": BLOCK, "passes": PASSES},
        "dim": DIM[kind],
        "size": asdict(SIZES_OF_WORLDS.get((kind, world), SIZES[kind])),
        "heads": PERMUTATIONS if PLANTED[world] else nulls,
        "resamples": RESAMPLES,
        "drawn": FRAGMENTS,
    }


def one_row(encoder: str, world: str, settings: Row) -> Row:
    """Simulate, embed, fit heads and dictionaries, and run the funnel."""
    started = time.process_time()
    kind, size = encoder.split(",")[0], Size(**settings["size"])
    trained = reference_encoder() if kind == "reference" else causal_encoder()
    material = cohort_of(world, size, trained, DIM[kind])
    if "untrained" in encoder:
        pool, _ = material.draw(FRAGMENTS, "untrained")
        fresh = untrained(trained, stream(SEED, "untrained"), pool.fragments)
        assert fresh is not None
        material = held(material.under(fresh))
    bags = torch.stack([material.bagged(place) for place in range(size.subjects)])
    fitted = fit(bags, material.labels, material.codes, "labels")
    logits = fitted.logits(bags).mean(axis=1)
    permuted = []
    for number in range(settings["heads"]):
        labels = stream(SEED, "permuted", number).permutation(material.labels)
        permuted.append(PermutedHeads(number, labels, fit(bags, labels, material.codes, number)))
    del bags
    pool, _ = material.draw(FRAGMENTS, "dictionaries")
    funnel = find_features(
        material,
        [dictionary(pool, 1, number) for number in range(SEEDS)],
        dictionary(pool, BLOCK, 0),
        fitted,
        permuted,
        fragments=FRAGMENTS,
        resamples=RESAMPLES,
    )
    found = msgspec.to_builtins(record_of(material, funnel))
    folds = [fitted.fold == fold for fold in range(FOLDS)]
    null = funnel.judged[0].null
    return {
        "encoder": encoder,
        "world": world,
        "settings": settings,
        "auroc": float(np.mean([auroc(material.labels[rows], logits[rows]) for rows in folds])),
        "null_passed": int((null.passed > 0).sum()),
        "null_survived": int((null.survived > 0).sum()),
        **{
            name: found[name]
            for name in (
                "seeds",
                "purity",
                "carriers",
                "carried",
                "error_share",
                "curve",
                "matched",
                "completeness",
            )
        },
        "explained": explained(funnel.part.embeddings, funnel.judged[0].codes, funnel.judged[0].dictionary),
        "survivors": [{name: each[name] for name in _OF_SURVIVORS} for each in found["survivors"]],
        "seconds": time.process_time() - started,
    }


def cohort_of(world: str, size: Size, encoder: Encoder, dim: int) -> Material:
    """Simulate the discovery subjects of a world and embed their bags."""
    settings = replace(load_world(world), discovery=size.subjects, heldout=2, fragments=size.fragments)
    simulated = simulate_tables(settings, seed=SEED)
    classes, _ = locus_classes(simulated.atlas)
    used = [row for row, subject in enumerate(simulated.subjects) if subject.row.role == "discovery"]
    tables = [simulated.tables[row] for row in used]
    starts = contig_starts(str(fasta())) if isinstance(encoder, Whitened) else None
    inputs = [inputs_of(table, classes, starts) for table in tables]
    config = Config(
        sheet="",
        outdir="",
        seed=SEED,
        model=Model(dim=dim, bag_size=size.bag),
        attribution=Attribution(donors=size.bags),
    )
    people = tuple(simulated.subjects[row].row for row in used)
    study = Study(config, Layout.of(""), encoder, people, inputs, ContextMix(inputs))
    parts = [part_of(study, place, tables[place]) for place in range(size.subjects)]
    return Material(people, parts.__getitem__, size.bags, encoder, SEED)


def part_of(study: Study, place: int, table: FragmentTable) -> Part:
    """Draw the bags of a subject and embed them."""
    rows, _ = study.bag_rows(study.samples[place].sample, study.inputs[place])
    flat = rows.ravel()
    fragments = study.inputs[place].take(flat)
    return Part(
        study.encoder.encode(fragments),
        fragments,
        table.gc[flat].astype(np.float64),
        table.motif_5p[flat].astype(np.int64),
    )


def held(material: Material) -> Material:
    """Return the same with all embeddings in memory."""
    parts = [material.load(place) for place in range(len(material.samples))]
    return replace(material, load=parts.__getitem__)


def fit(bags: torch.Tensor, labels: np.ndarray, codes: np.ndarray, name: str | int) -> CrossFit:
    """Cross-fit one head a fold."""
    return crossfit(bags, labels, codes, folds=FOLDS, rng=stream(SEED, "heads", name))


def dictionary(pool: Part, block: int, number: int) -> Any:
    """Fit a sparse autoencoder to fragments of all subjects."""

    def batches(number_of_pass: int) -> Iterator[torch.Tensor]:
        order = stream(SEED, "batches", number, number_of_pass).permutation(len(pool))
        return iter(pool.embeddings[torch.from_numpy(order)].split(1_024))

    return fit_sparse(
        batches, pool.embeddings.shape[1], features=FEATURES, active=max(ACTIVE // block, 1), block=block,
        passes=PASSES, seed=number,
    )  # fmt: skip


def explained(embeddings: torch.Tensor, codes: csr_array, own: Any) -> float:
    """Return the share of the variance of embeddings that a dictionary explains."""
    left = embeddings.numpy() - own.bias.numpy() - codes @ own.decoder.numpy()
    return 1 - float((left**2).sum()) / float(((embeddings - embeddings.mean(dim=0)) ** 2).sum())


def reference_encoder() -> ReferenceEncoder:
    """Return the encoder of all worlds, trained once."""
    path = OUT / "encoder.safetensors"
    if not path.exists():
        label_free_encoder().save(path)
    return ReferenceEncoder.load(path)


def causal_encoder() -> Whitened:
    """Return the causal model of all worlds, trained once on a cohort of its own."""
    folder = OUT / "causal"
    world = replace(load_world("null"), discovery=20, heldout=2, fragments=1_500)
    simulated = simulate_tables(world, seed=999_983)
    classes, _ = locus_classes(simulated.atlas)
    starts = contig_starts(str(fasta()))
    pool = FragmentInputs.concatenate([inputs_of(table, classes, starts) for table in simulated.tables])
    some = pool.take(stream(SEED, "causal").permutation(len(pool))[:8_000])
    if not folder.exists():
        pretrain_causal(some, Renderer(RENDERING, str(fasta())), folder, epochs=3, seed=SEED)
    raw = TransformersEncoder.load(folder, fasta=str(fasta()), device="cpu", precision="float32")
    path = OUT / "whitening.safetensors"
    if not path.exists():
        fit_whitening(raw, some, DIM["causal"]).save(path)
    return Whitened.load(path, raw)


def fasta() -> Path:
    """Return the genome of the worlds as an indexed FASTA file."""
    path = OUT / "genome.fa"
    if not path.exists():
        from cfdna_interp.simulation.noise import build_summaries

        bases, index = build_summaries(load_world("null").genome).biology.genome.fasta()
        path.with_name("genome.fa.fai").write_text(index)
        path.write_text(bases)
    return path


def table(rows: list[Row]) -> str:
    """Return what survives in each world, as Markdown."""
    lines = [
        "| encoder | world | subjects | AUROC | explained | alive | beat the null | survive "
        "| carried by planted | purity | weighted | named after planted | other | unnamed "
        "| heads | with one that beats the null | with a survivor | error node | CPU s |",
        "|---" * 19 + "|",
    ]
    for row in rows:
        first, planted = row["seeds"][0], PLANTED[row["world"]]
        families = [each["family"] for each in row["survivors"]]
        right, unnamed = families.count(planted), families.count("unnamed")
        mine = row["carriers"].get(planted, {"count": 0, "share": 0.0})
        none = not families or planted is None
        purity = "–" if none else f"{mine['count'] / len(families):.2f}"
        weighted = "–" if none else f"{mine['share']:.2f}"
        null = wilson(row["null_survived"], row["settings"]["heads"])
        lines.append(
            f"| {row['encoder']} | {row['world']} | {row['settings']['size']['subjects']} "
            f"| {row['auroc']:.2f} | {row['explained']:.2f} "
            f"| {first['alive']} | {first['passed']} | {first['survived']} "
            f"| {mine['count']} | {purity} | {weighted} "
            f"| {right} | {len(families) - right - unnamed} | {unnamed} | {row['settings']['heads']} "
            f"| {row['null_passed']} | {row['null_survived']} ({null.low:.3f}-{null.high:.3f}) "
            f"| {row['error_share']:.2f} | {row['seconds']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", help="rows whose encoder and world hold this text")
    parser.add_argument("--nulls", type=int, default=200, help="permuted heads where nothing is planted")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    shown = []
    for encoder, world in units():
        settings = settings_of(encoder, world, arguments.nulls)
        key = (encoder, world, settings)
        found = [row for row in rows if (row["encoder"], row["world"], row.get("settings")) == key]
        if not found and (arguments.only or "") in f"{encoder} {world}":
            found = [one_row(*key)]
            with path.open("a") as handle:
                handle.write(json.dumps(found[0]) + "\n")
            print(table(found), flush=True)
        shown += found
    print(table(shown))


if __name__ == "__main__":
    main()
