"""The ``leakage`` of ``audit.json``: ways in which the label or held-out subjects may have leaked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.artifacts.sheet import Role
from cfdna_interp.audit.duplicates import near_duplicates
from cfdna_interp.audit.label_sources import LabelReading, readable_labels, shared_subjects
from cfdna_interp.audit.leak_rule import judge_leaks
from cfdna_interp.audit.missing_cells import gaps_of
from cfdna_interp.audit.shared_fragments import SharedFragments, keys, shared_fragments
from cfdna_interp.fragments.build import common_name
from cfdna_interp.records.leaks import (
    Leakage,
    MoleculePair,
    SharedMolecules,
    SimilarPair,
    SimilarSamples,
)
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.values import known
from cfdna_interp.stats.resampling import stream


def leaks(
    discovery: Table,
    heldout: Table,
    scores: pd.DataFrame,
    bound: float | None,
    layout: Layout | None,
    seed: int,
) -> Leakage:
    """Return possible leaks of the label or of held-out subjects, and which of them break L0.

    Parameters
    ----------
    discovery, heldout
        The tables of both roles, with labels.
    scores
        ``validation.scores.parquet``: one row per held-out subject.
    bound
        Lower 95 % bound of the model's held-out AUROC, or None.
    layout
        Paths of the samples' fragments; None for a cohort that came as a table.
    seed
        The run's seed.
    """
    samples = discovery.samples + heldout.samples
    subjects = discovery.subjects + heldout.subjects
    role: dict[str, Role] = dict.fromkeys(discovery.samples, "discovery")
    role |= dict.fromkeys(heldout.samples, "heldout")
    near = near_duplicates(np.concatenate([discovery.X, heldout.X]), samples, subjects, discovery.groups)
    twins = tuple(
        SimilarPair(
            a=pair.a,
            b=pair.b,
            roles=(role[pair.a], role[pair.b]),
            ratio=pair.ratio,
            q=pair.q,
            group=pair.group,
        )
        for pair in near.pairs
    )
    alike = SharedFragments((), np.nan, 0, Missing(why=Cause.NO_FRAGMENTS))
    if layout is not None:
        alike = _same_molecules(samples, subjects, layout)
    molecules = tuple(
        MoleculePair(a=pair.a, b=pair.b, roles=(role[pair.a], role[pair.b]), share=pair.share, p=pair.p)
        for pair in alike.pairs
    )
    readable: list[LabelReading] = []
    gaps = {name: gaps_of(table) for name, table in _by_role(discovery, heldout)}
    for name, table in _by_role(discovery, heldout):
        rng = stream(seed, "audit", "readable", name)
        readable += readable_labels(
            name,
            np.asarray(table.labels),
            table.subjects,
            table.samples,
            table.obs,
            rng,
            gaps[name],
        )
    shared = shared_subjects(discovery.subjects, heldout.subjects)
    judged = judge_leaks(heldout, scores, bound, shared, twins, molecules, readable, gaps["heldout"], seed)
    return Leakage(
        shared_subjects=shared,
        near_duplicates=SimilarSamples(
            pairs=twins,
            dimension=known(near.dimension),
            samples=near.samples,
            missing=near.missing,
            searched=near.searched,
        ),
        shared_fragments=SharedMolecules(
            pairs=molecules,
            expected=known(alike.expected),
            samples=alike.samples,
            missing=alike.missing,
        ),
        readable_labels=tuple(item.label for item in readable),
        read_names="no reads" if layout is None else "not stored",
        breaks=judged.breaks,
        followed=judged.followed,
        without=judged.without,
    )


def _by_role(discovery: Table, heldout: Table) -> tuple[tuple[Role, Table], ...]:
    return ("discovery", discovery), ("heldout", heldout)


def _same_molecules(samples: Sequence[str], subjects: Sequence[str], layout: Layout) -> SharedFragments:
    owner = dict(zip(samples, subjects, strict=True))
    stored = [sample for sample in samples if layout.fragments(sample).is_file()]
    return shared_fragments(
        (keys(FragmentTable.load(layout.fragments(sample)), common_name) for sample in stored),
        stored,
        [owner[sample] for sample in stored],
    )
