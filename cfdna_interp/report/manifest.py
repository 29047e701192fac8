"""Describing what made a run: versions, settings, and the digest of every result."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from cfdna_interp import __version__
from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import ROLES, load_samples
from cfdna_interp.config import Config
from cfdna_interp.config.convert import encode
from cfdna_interp.records.base import load_record
from cfdna_interp.records.encoder import FragmentEncoder
from cfdna_interp.records.inputs import InputFile
from cfdna_interp.records.manifest import Manifest, Software, TableFile
from cfdna_interp.records.qc import SampleQuality
from cfdna_interp.records.source import CohortSource
from cfdna_interp.records.table import TableSource
from cfdna_interp.records.validation import ValidationResult

COHORT_FILES = (
    "features.discovery.h5ad",
    "features.heldout.h5ad",
    "table.json",
    "exclusions.tsv",
    "encoder.safetensors",
    "whitening.safetensors",
    "encoder.json",
    "model.json",
    "heads.safetensors",
    "retraining.json",
    "predictions.discovery.parquet",
    "scores.model.parquet",
    "coalitions.parquet",
    "shares.parquet",
    "feature_shares.parquet",
    "maps.parquet",
    "dominance.json",
    "proxy.json",
    "protocol.json",
    "scores.proxy.parquet",
    "openings.json",
    "validation.json",
    "validation.scores.parquet",
    "audit.json",
    "verdict.json",
    "hypotheses.tsv",
)
# Of one route alone: in the folder of a run on the other route they are an earlier run's.
ALIGNMENT_FILES = (
    "encoder.safetensors",
    "whitening.safetensors",
    "encoder.json",
    "heads.safetensors",
    "maps.parquet",
)
TABLE_FILES = ("table.json", "model.json", "feature_shares.parquet")
PART_FILES = {
    "probes": ("probes.json",),
    "features": ("funnel.json", "sparse_features.parquet"),
    "geometry": ("geometry.json", "length_curve.parquet"),
}


def build_manifest(config: Config, layout: Layout) -> Manifest:
    """Describe what the report is made from.

    No time and no machine is recorded, so equal runs have equal manifests.
    """
    path, opening = layout.file(ValidationResult.FILE), None
    if path.is_file():
        opening = load_record(ValidationResult, path).opening
    return Manifest(
        software=Software(name="cfdna-interp", version=__version__),
        python=platform.python_version(),
        libraries=_libraries(),
        seed=config.seed,
        config=portable_settings(config),
        inputs=_inputs(config, layout),
        table=_table(config, layout),
        opening=opening,
        files={
            path.relative_to(layout.root).as_posix(): digest_file(path)
            for path in _result_files(config, layout)
            if path.is_file()
        },
    )


def _table(config: Config, layout: Layout) -> TableFile | None:
    if config.features.table is None:
        return None
    # As the matrices are: the file may have changed since.
    source = load_record(TableSource, layout.file(TableSource.FILE))
    return TableFile(source=source.source, digest=source.digest)


def _inputs(config: Config, layout: Layout) -> tuple[InputFile, ...]:
    """Gather what each stage says that it read."""
    found: set[InputFile] = set()
    source = layout.file(CohortSource.FILE)
    if source.is_file():
        record = load_record(CohortSource, source)
        found.add(InputFile(file=record.file, size=record.size, digest=record.digest))
    if config.features.table is None:
        sheets = [layout.samples(role) for role in ROLES]
        samples = [sample.sample for sheet in sheets if sheet.is_file() for sample in load_samples(sheet)]
        for path in (layout.qc(name) for name in samples):
            found |= set(load_record(SampleQuality, path).inputs) if path.is_file() else set()
        encoder = layout.file(FragmentEncoder.FILE)
        found |= set(load_record(FragmentEncoder, encoder).inputs) if encoder.is_file() else set()
    return tuple(sorted(found, key=lambda each: (each.file, each.digest or "")))


def _libraries() -> dict[str, str]:
    """Return the versions of the runtime dependencies that the installed package declares."""
    declared = [text for text in metadata.requires("cfdna-interp") or [] if "extra ==" not in text]
    names = [match.group() for text in declared if (match := re.match(r"[A-Za-z0-9._-]+", text))]
    return {name: metadata.version(name) for name in sorted(names)}


def _result_files(config: Config, layout: Layout) -> list[Path]:
    paths = sorted(layout.root.glob("protocols/*.json"))
    for role in ROLES:
        sheet = layout.samples(role)
        if not sheet.is_file():
            continue
        paths.append(sheet)
        for sample in load_samples(sheet) if config.features.table is None else ():
            name = sample.sample
            paths += [layout.fragments(name), layout.profile(name), layout.features(name), layout.qc(name)]
    parts = config.representation.parts if config.features.table is None else ()
    for number in range(config.representation.seeds if "features" in parts else 0):
        record = layout.dictionary(number)
        paths += [record, *(record.with_suffix(f".{kind}.safetensors") for kind in ("plain", "blocks"))]
    # What an earlier run left of parts that this one leaves out is not its result.
    looked = {name for part in parts for name in PART_FILES[part]}
    others = ALIGNMENT_FILES if config.features.table is not None else TABLE_FILES
    names = [name for name in COHORT_FILES if name not in others] + sorted(looked)
    return paths + [layout.file(name) for name in names]


def portable_settings(config: Config) -> dict[str, Any]:
    """Return the settings without absolute paths: these name a machine, not an analysis."""
    root = Path(config.outdir)

    def portable(value: str | None) -> str | None:
        if value is None or not Path(value).is_absolute():
            return value
        path = Path(value)
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name

    settings = encode(config)
    for name in ("sheet", "outdir", "atlas"):
        settings[name] = portable(settings[name])
    for name in ("build", "fasta"):
        settings["reference"][name] = portable(settings["reference"][name])
    for name in ("checkpoint", "rendering"):
        settings["model"][name] = portable(settings["model"][name])
    settings["features"]["annotation"] = portable(settings["features"]["annotation"])
    if settings["features"]["table"] is not None:
        settings["features"]["table"]["path"] = portable(settings["features"]["table"]["path"])
    for name in ("blacklist", "known_sites"):
        settings["extract"][name] = portable(settings["extract"][name])
    return settings
