"""What was found in the embeddings, as the page needs it: the records of a run, with names for readers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.config import Config
from cfdna_interp.records.base import load_record
from cfdna_interp.records.dictionary import SparseDictionary
from cfdna_interp.records.funnel import CONTEXT, NO_CARRIER, UNEXPLAINED, UNNAMED, FeatureFunnel
from cfdna_interp.records.geometry import Geometry
from cfdna_interp.records.probes import Probes
from cfdna_interp.report.words import group_name

FAMILY_NAMES = {
    "end_motif": "end motif and GC",
    CONTEXT: "CpG count and locus",
    UNNAMED: "nothing known",
    UNEXPLAINED: "nothing known",
    NO_CARRIER: "no single family",
}
CONCEPT_NAMES = {
    "length": "Length",
    "methylation_level": "Methylation level outside blocks",
    "cpg_count": "Number of CpG calls",
    "locus": "Touches an atlas block",
    "tissue_class": "Marker class of the block",
    "level_in_blocks": "Methylation level inside blocks",
    "gc": "GC content",
    "end_motif": "End motif, two bases",
    "label": "Case or control",
}
METRIC_NAMES = {"R2": "R²"}


@dataclass(frozen=True, eq=False)
class RepresentationResults:
    """What was looked for in the embeddings; None where the settings leave a part out.

    Attributes
    ----------
    probes, funnel, geometry
        The JSON files of these names.
    dictionaries
        Quality of the dictionaries, by number.
    curve
        Centroids and principal curve, a row for each length.
    """

    probes: Probes | None
    funnel: FeatureFunnel | None
    dictionaries: tuple[SparseDictionary, ...]
    geometry: Geometry | None
    curve: pd.DataFrame | None


# Of a model without embeddings.
NOTHING = RepresentationResults(None, None, (), None, None)


def load_representation(config: Config, layout: Layout) -> RepresentationResults:
    """Read the parts that the settings ask for.

    Raises
    ------
    InputError
        A file of such a part is missing or damaged.
    """
    parts = config.representation.parts
    features, geometry = "features" in parts, "geometry" in parts
    return RepresentationResults(
        probes=load_record(Probes, layout.file(Probes.FILE)) if "probes" in parts else None,
        funnel=load_record(FeatureFunnel, layout.file(FeatureFunnel.FILE)) if features else None,
        dictionaries=tuple(
            load_record(SparseDictionary, layout.dictionary(number))
            for number in range(config.representation.seeds if features else 0)
        ),
        geometry=load_record(Geometry, layout.file(Geometry.FILE)) if geometry else None,
        curve=read_parquet(layout.file("length_curve.parquet"), "geometry") if geometry else None,
    )


def family_name(family: str) -> str:
    """Return the reader's name of a family of properties that features follow."""
    return FAMILY_NAMES.get(family) or group_name(family).lower()


def concept_name(concept: str) -> str:
    """Return the reader's name of a concept that is probed for."""
    name = concept.replace("_", " ")
    return CONCEPT_NAMES.get(concept, name[:1].upper() + name[1:])


def metric_name(metric: str) -> str:
    """Return the reader's name of a probe's score."""
    return METRIC_NAMES.get(metric, metric)
