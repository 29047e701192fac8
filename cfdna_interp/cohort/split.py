"""Dividing the checked cohort by role, so that held-out labels stay out of sight."""

from __future__ import annotations

from dataclasses import replace

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample, save_samples
from cfdna_interp.cohort.read import read_cohort
from cfdna_interp.cohort.source import save_source
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError


def split(config: Config) -> dict[str, list[Sample]]:
    """Check the sheet or table and write ``cohort/discovery.tsv``, ``cohort/heldout.tsv``, ``source.json``.

    The held-out table has no labels: no stage before ``validate`` can read what it must not know.

    Returns
    -------
    role -> its samples as written.

    Raises
    ------
    InputError
        See :func:`cfdna_interp.cohort.read.read_cohort`; nothing is written then.
    """
    samples = read_cohort(config)
    layout = Layout.of(config.outdir)
    roles = {
        "discovery": [sample for sample in samples if sample.role == "discovery"],
        "heldout": [replace(sample, label=None) for sample in samples if sample.role == "heldout"],
    }
    for role, members in roles.items():
        save_samples(members, layout.samples(role))
    save_source(config)
    return roles


def find_samples(config: Config, names: tuple[str, ...]) -> list[Sample]:
    """Return the named samples of the sheet, without their labels.

    They come from the sheet itself: a sample depends on its own row alone, and is read once however often
    other rows are corrected.

    Raises
    ------
    InputError
        The sheet can't be read or is wrong, or has no sample of that name.
    """
    known = {sample.sample: replace(sample, label=None) for sample in read_cohort(config)}
    for name in names:
        if name not in known:
            raise InputError(f"sample {name}: not in sheet {config.sheet}; check --sample")
    return [known[name] for name in names]
