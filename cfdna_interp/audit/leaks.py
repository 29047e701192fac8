"""The ``leakage`` of ``audit.json``: what could have told the label or the held-out subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.audit.duplicates import near_duplicates
from cfdna_interp.audit.gaps import gaps_of
from cfdna_interp.audit.leak_rule import judge_leaks
from cfdna_interp.audit.leakage import readable_labels, shared_subjects
from cfdna_interp.audit.shared_fragments import SharedFragments, keys, shared_fragments
from cfdna_interp.fragments.build import common_name
from cfdna_interp.stats.resampling import stream

READ_NAMES = (
    "read names are not stored; the same library is looked for by the molecules in the stored fragments"
)


NO_FRAGMENTS = (
    "the cohort came as a table: without fragments the same library is looked for by its features alone"
)
NO_READ_NAMES = "the cohort came as a table: there are no reads"


def leaks(
    discovery: Table,
    heldout: Table,
    scores: pd.DataFrame,
    bound: float | None,
    layout: Layout | None,
    seed: int,
) -> dict[str, Any]:
    """Return what could have told the label or the held-out subjects, and which of it breaks L0.

    Parameters
    ----------
    discovery, heldout
        The tables of both roles, with labels.
    scores
        ``validation.scores.parquet``: one row a held-out subject.
    bound
        Lower 95 % bound of the model's held-out AUROC, None without one.
    layout
        Where the samples' fragments lie, None for a cohort that came as a table.
    seed
        The run's seed.
    """
    samples = discovery.samples + heldout.samples
    subjects = discovery.subjects + heldout.subjects
    role = dict(
        zip(samples, ["discovery"] * len(discovery.samples) + ["heldout"] * len(heldout.samples), strict=True)
    )
    twins = near_duplicates(np.concatenate([discovery.X, heldout.X]), samples, subjects, discovery.groups)
    molecules = SharedFragments((), np.nan, 0, NO_FRAGMENTS)
    if layout is not None:
        molecules = _same_molecules(samples, subjects, layout)
    gaps = {name: gaps_of(table) for name, table in (("discovery", discovery), ("heldout", heldout))}
    readable = [
        found
        for name, table in (("discovery", discovery), ("heldout", heldout))
        for found in readable_labels(
            name,
            np.asarray(table.labels),
            table.subjects,
            table.samples,
            table.obs,
            stream(seed, "audit", "readable", name),
            gaps[name],
        )
    ]
    shared = shared_subjects(discovery.subjects, heldout.subjects)
    judged = judge_leaks(
        heldout,
        scores,
        bound,
        shared,
        [(pair, (role[pair.a], role[pair.b])) for pair in twins.pairs],
        [(pair, (role[pair.a], role[pair.b])) for pair in molecules.pairs],
        readable,
        gaps["heldout"],
        seed,
    )

    def told(record: dict[str, Any]) -> dict[str, Any]:
        pairs = [{**pair, "roles": [role[pair["a"]], role[pair["b"]]]} for pair in record["pairs"]]
        return {**record, "pairs": pairs}

    return {
        "shared_subjects": shared,
        "near_duplicates": told(asdict(twins)),
        "shared_fragments": told(asdict(molecules)),
        "readable_labels": [found.record() for found in readable],
        "read_names": NO_READ_NAMES if layout is None else READ_NAMES,
        **judged,
    }


def _same_molecules(samples: Sequence[str], subjects: Sequence[str], layout: Layout) -> SharedFragments:
    owner = dict(zip(samples, subjects, strict=True))
    stored = [sample for sample in samples if layout.fragments(sample).is_file()]
    return shared_fragments(
        (keys(FragmentTable.load(layout.fragments(sample)), common_name) for sample in stored),
        stored,
        [owner[sample] for sample in stored],
    )
