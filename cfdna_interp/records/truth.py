"""``truth.json`` of a simulated cohort: what is true of it. No stage of a run reads the file."""

from __future__ import annotations

from typing import Any, ClassVar

from cfdna_interp.records.base import Record, ResultFile


class BestAuroc(Record, frozen=True, kw_only=True):
    """The AUROC that no classifier can exceed, by Monte Carlo, with standard errors.

    Attributes
    ----------
    crude, crude_se
        Any case beside any control, for a classifier that isn't told the site.
    within_site, within_site_se
        People of one site; case-control pairs of all sites weigh the same. Null where no site has both.
    """

    crude: float
    crude_se: float
    within_site: float | None
    within_site_se: float | None


class SimulatedSubject(Record, frozen=True, kw_only=True):
    """A subject of a simulated cohort.

    Attributes
    ----------
    sample, subject
        Names of the library and of the person.
    role
        discovery or heldout.
    label
        1 case, 0 control; of held-out subjects, too.
    site
        Where the library was made.
    latents
        Feature group -> the subject's latent, in SD of the group's summary within a class.
    dinucleosome
        Standard normal number behind the person's share of di-nucleosomes.
    """

    sample: str
    subject: str
    role: str
    label: int
    site: str
    latents: dict[str, float]
    dinucleosome: float


class Truth(ResultFile, frozen=True, kw_only=True):
    """What is true of a simulated cohort; it lies beside the sheet, and is written last.

    Attributes
    ----------
    version
        Version of the program.
    settings
        Digest of version, seed, dialect and world; the header of each BAM file has it, too.
    seed
        Seed of the cohort.
    dialect
        How methylation is written in the BAM files.
    world
        The settings of the world, named as in its YAML file.
    d
        Feature group -> Cohen's d of cases and controls of one age.
    reference_noise
        Feature group -> SD of its fragment sampling noise, in SD of a class.
    bayes_auroc
        The best AUROC from all groups.
    bayes_auroc_alone
        Feature group -> the best AUROC from it alone.
    subjects
        All subjects, in the order of the sheet.
    """

    FILE: ClassVar[str] = "truth.json"
    STAGE: ClassVar[str] = "simulate"

    version: str
    settings: str
    seed: int
    dialect: str
    world: dict[str, Any]
    d: dict[str, float]
    reference_noise: dict[str, float]
    bayes_auroc: BestAuroc
    bayes_auroc_alone: dict[str, BestAuroc]
    subjects: tuple[SimulatedSubject, ...]
