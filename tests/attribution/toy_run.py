"""Output folders of tiny runs, as far as the stages before attribution would have written them."""

from __future__ import annotations

import numpy as np
import torch
from toys import toy_fragments

from cfdna_interp.artifacts.exclusions import COLUMNS
from cfdna_interp.artifacts.files import write_text
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample, save_samples
from cfdna_interp.models.reference_encoder import ReferenceEncoder


def write_fragments(layout: Layout, sample: str, seed: int) -> None:
    toy = toy_fragments(300, np.random.default_rng(seed))
    n, called = len(toy), toy.offsets >= 0
    FragmentTable(
        contig_names=("chr1",),
        contig=np.zeros(n, np.int32),
        start=np.arange(n, dtype=np.int32) * 1_000,
        length=toy.length,
        mapq=np.zeros(n, np.uint8),
        strand=np.ones(n, np.int8),
        gc=np.zeros(n, np.float32),
        **dict.fromkeys(("motif_5p", "motif_3p"), np.zeros(n, np.int16)),
        cpg_splits=np.concatenate([[0], np.cumsum(toy.counts)]),
        cpg_offsets=toy.offsets[called].astype(np.int32),
        cpg_states=toy.states[called],
        block=np.full(n, -1, np.int32),
    ).save(layout.fragments(sample))


def write_encoder(layout: Layout, seed: int) -> None:
    torch.manual_seed(seed)
    ReferenceEncoder(loci=1, dim=4).save(layout.file("encoder.safetensors"))


def write_cohort(layout: Layout) -> None:
    """Write ten discovery samples, two held-out ones, and an excluded one without a file."""
    for role, numbers in (("discovery", range(10)), ("heldout", range(10, 13))):
        label = (lambda number: number % 2) if role == "discovery" else (lambda number: None)
        samples = [
            Sample(f"S{i}", f"P{i}", "", label(i), role, batch="b", age=50.0 + i, sex="FM"[i // 2 % 2])
            for i in numbers
        ]
        save_samples(samples, layout.samples(role))
    for number in range(12):
        write_fragments(layout, f"S{number}", number)
    rows = (COLUMNS, ("S12", "P12", "heldout", "", "", "empty"))
    write_text(layout.file("exclusions.tsv"), "".join("\t".join(row) + "\n" for row in rows))
    write_encoder(layout, 1)
