"""The samples of a study from wherever the config says: a sheet of alignments, or a table of features."""

from __future__ import annotations

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.cohort.checks import check_audited
from cfdna_interp.cohort.sheet import read_sheet
from cfdna_interp.cohort.table import read_samples
from cfdna_interp.config import Config


def read_cohort(config: Config) -> list[Sample]:
    """Return all samples in the order of the file, labels of both roles included.

    Raises
    ------
    InputError
        See :func:`cfdna_interp.cohort.sheet.read_sheet`, :func:`cfdna_interp.cohort.table.read_samples` and
        :func:`cfdna_interp.cohort.checks.check_audited`.
    """
    if config.features.table is not None:
        samples = read_samples(config.features.table)
        covariates: tuple[str, ...] = config.features.table.covariates
    else:
        samples, covariates = read_sheet(config.sheet, config), ()
    check_audited(config, samples, covariates)
    return samples
