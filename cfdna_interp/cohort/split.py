"""Dividing the checked cohort by role, so that held-out labels stay out of sight."""

from __future__ import annotations

from dataclasses import replace

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import ROLES, Sample, load_samples, save_samples
from cfdna_interp.cohort.read import read_cohort
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError


def split(config: Config) -> dict[str, list[Sample]]:
    """Check the config's sheet or table and write ``cohort/discovery.tsv`` and ``cohort/heldout.tsv``.

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
    return roles


def find_samples(config: Config, names: tuple[str, ...]) -> list[Sample]:
    """Return the named samples from the tables that :func:`split` wrote.

    Raises
    ------
    InputError
        The tables don't exist yet, or have no sample of that name.
    """
    layout = Layout.of(config.outdir)
    known = {sample.sample: sample for role in ROLES for sample in load_samples(layout.samples(role))}
    for name in names:
        if name not in known:
            raise InputError(f"sample {name}: not in sheet {config.sheet}; check --sample")
    return [known[name] for name in names]
