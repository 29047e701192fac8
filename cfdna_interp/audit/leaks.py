"""The ``leakage`` of ``audit.json``: what could have told the label or the held-out subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.audit.duplicates import near_duplicates
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


def leaks(discovery: Table, heldout: Table, layout: Layout | None, seed: int) -> dict[str, Any]:
    """Return shared subjects, duplicates by features and by fragments, and what the label is read from.

    Parameters
    ----------
    discovery, heldout
        The tables of both roles, with labels.
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
    twins = near_duplicates(np.concatenate([discovery.X, heldout.X]), samples, subjects)
    molecules = SharedFragments((), np.nan, 0, NO_FRAGMENTS)
    if layout is not None:
        molecules = _same_molecules(samples, subjects, layout)
    readable = [
        asdict(found)
        for name, table in (("discovery", discovery), ("heldout", heldout))
        for found in readable_labels(
            name,
            np.asarray(table.labels),
            table.subjects,
            table.samples,
            table.obs,
            stream(seed, "audit", "readable", name),
        )
    ]

    def told(record: dict[str, Any]) -> dict[str, Any]:
        pairs = [{**pair, "roles": [role[pair["a"]], role[pair["b"]]]} for pair in record["pairs"]]
        return {**record, "pairs": pairs}

    return {
        "shared_subjects": shared_subjects(discovery.subjects, heldout.subjects),
        "near_duplicates": told(asdict(twins)),
        "shared_fragments": told(asdict(molecules)),
        "readable_labels": readable,
        "read_names": NO_READ_NAMES if layout is None else READ_NAMES,
    }


def _same_molecules(samples: Sequence[str], subjects: Sequence[str], layout: Layout) -> SharedFragments:
    owner = dict(zip(samples, subjects, strict=True))
    stored = [sample for sample in samples if layout.fragments(sample).is_file()]
    return shared_fragments(
        (keys(FragmentTable.load(layout.fragments(sample)), common_name) for sample in stored),
        stored,
        [owner[sample] for sample in stored],
    )
