"""Check before the run: the sheet, the atlas, every alignment's header, and the room on disk."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.artifacts.system_errors import system_errno
from cfdna_interp.artifacts.writable import check_writable
from cfdna_interp.cohort.missing_columns import gap_lines, known_columns
from cfdna_interp.cohort.sheet import read_sheet
from cfdna_interp.cohort.table_check import TableCheck, check_table
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError, Mistakes, error_with_reasons
from cfdna_interp.fragments.alignment import Alignment
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.loss_words import loss_words
from cfdna_interp.fragments.losses import expected_losses
from cfdna_interp.fragments.profile import check_atlas
from cfdna_interp.fragments.reference import ReferenceGenome
from cfdna_interp.fragments.same_reads import check_same_reads
from cfdna_interp.fragments.source import open_source
from cfdna_interp.records.qc import LibraryStrand

_BYTES_PER_FRAGMENT = 60  # of a row of the subsample on disk
_FLOAT = 4  # bytes
_VERSIONS = 4  # of each bag: unchanged, or with lengths, calls or both swapped


@dataclass(frozen=True)
class Preflight:
    """The result of the check.

    Attributes
    ----------
    samples
        All samples of the sheet.
    builds, dialects, libraries
        How many samples are on each build, how their methylation is written, and how reads lie to their
        molecules where calls come by comparison with the reference.
    problems
        Samples that can't be used and why; only with ``on_bad_sample: exclude``.
    losses
        What will be lost of a sample's reads and why, a line each that names sample and file.
    disk_needed, disk_free
        Most bytes that the run has still to write, and bytes that are free.
    device
        As ``model.device`` says.
    """

    samples: tuple[Sample, ...]
    builds: dict[str, int]
    dialects: dict[str, int]
    libraries: dict[str, int]
    problems: dict[str, str]
    losses: tuple[str, ...]
    disk_needed: int
    disk_free: int
    device: str

    def lines(self) -> list[str]:
        """Return the findings as lines for a person."""
        lines = []
        for role in ROLES:
            rows = [sample for sample in self.samples if sample.role == role]
            cases = sum(sample.label == 1 for sample in rows)
            lines.append(f"{role}: {len(rows)} samples, {cases} of cases, {len(rows) - cases} of controls")
        lines += gap_lines(self.samples, known_columns(self.samples))
        for title, counts in (
            ("build", self.builds),
            ("methylation", self.dialects),
            ("library", self.libraries),
        ):
            if counts:
                lines.append(f"{title}: " + ", ".join(f"{name} ({n})" for name, n in sorted(counts.items())))
        lines += [f"will be excluded: {problem}" for problem in self.problems.values()]
        lines += [f"warning: {loss}" for loss in self.losses]
        lines.append(
            f"disk: at most {self.disk_needed / 1e9:.1f} GB needed, {self.disk_free / 1e9:.1f} GB free"
        )
        if self.device not in ("auto", "cpu"):
            # On a cluster the job may run on another machine than this check.
            lines.append(f"device: {self.device} is looked for by pretrain, not here")
        return lines


def preflight(config: Config) -> Preflight | TableCheck:
    """Check the begin of every file, or the feature table that takes their place.

    Raises
    ------
    InputError
        Whatever would stop the run, all that can be told at once.
    """
    mistakes = Mistakes()
    existing = Path(config.outdir)
    with mistakes.kept():
        existing = check_writable(config.outdir, "outdir")
    if config.features.table is not None:
        with mistakes.kept():
            found = check_table(config, config.features.table)
        mistakes.stop()
        return found
    with mistakes.kept():
        _check_files(config)
    samples: tuple[Sample, ...] = ()
    with mistakes.kept():
        samples = tuple(read_sheet(config.sheet, config))
    atlas = Atlas.load(config.atlas) if config.atlas else None
    # Some stages read its bases, and every stage that embeds reads where contigs begin.
    reference = ReferenceGenome(config.reference.fasta) if config.reference.fasta else None
    embeds_bases = config.model.encoder in ("causal", "transformers")
    builds: Counter[str] = Counter()
    dialects: Counter[str] = Counter()
    libraries: Counter[str] = Counter()
    problems: dict[str, str] = {}
    losses: list[str] = []
    for sample in samples:
        try:
            with open_source(sample, config) as alignment:
                rules = Rules.of(
                    config.extract, alignment.contig_names, alignment.who, alignment.contig_lengths
                )
                looks_up = config.extract.motifs == "reference" or alignment.dialect in ("mm", "reference")
                if reference is not None and (looks_up or embeds_bases):
                    reference.check([alignment.contig_names[index] for index in sorted(rules.contigs)])
                if atlas is not None:
                    check_atlas(atlas, alignment.contig_names, alignment.contig_lengths, alignment.who)
                builds[alignment.build] += 1
                dialects[alignment.dialect] += 1
                losses += [
                    f"{alignment.who}: {loss_words(loss)}" for loss in expected_losses(alignment.signs)
                ]
                if isinstance(alignment, Alignment) and alignment.library is not None:
                    libraries[_library_words(alignment.library)] += 1
        except InputError as error:
            if system_errno(error) is not None:
                raise
            if config.on_bad_sample == "stop":
                mistakes.take(error)
            problems[sample.sample] = str(error)
    sound = [sample for sample in samples if sample.sample not in problems]
    with mistakes.kept():
        check_same_reads(sound, config.sheet)
    mistakes.stop()
    check_sizes(sound, config, problems)
    needed, free = _disk(config, len(samples), existing)
    if needed > free:
        raise InputError(
            f"{config.outdir}: the run needs up to {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "free some, choose another outdir, or lower model.bag_size"
        )
    return Preflight(
        samples,
        dict(builds),
        dict(dialects),
        dict(libraries),
        problems,
        tuple(losses),
        needed,
        free,
        config.model.device,
    )


def _library_words(library: LibraryStrand) -> str:
    if library.tagged == 1:
        return "strands by tags"
    return library.taken if library.sure else f"{library.taken}, which conversion can't tell"


def _check_files(config: Config) -> None:
    """Refuse missing files of the settings; atlas, sheet and reference are opened elsewhere."""
    model = config.model
    folder = model.encoder == "transformers"
    foreign = folder or model.encoder in ("torch_module", "table")
    mistakes = Mistakes()
    for setting, place, is_folder in (
        ("extract.blacklist", config.extract.blacklist, False),
        ("extract.known_sites", config.extract.known_sites, False),
        ("features.annotation", config.features.annotation, False),
        ("model.checkpoint", model.checkpoint if foreign else None, folder),
        ("model.rendering", model.rendering if model.encoder in ("transformers", "causal") else None, False),
    ):
        if place is None:
            continue
        if not (Path(place).is_dir() if is_folder else Path(place).is_file()):
            kind = "folder" if is_folder else "file"
            mistakes.add(f"{setting}: there is no {kind} {place}; correct the path in the config")
    mistakes.stop()


def check_sizes(
    samples: Sequence[Sample], config: Config, problems: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Refuse too few subjects and bags larger than a sample, before a later stage has to.

    Parameters
    ----------
    samples
        Samples that can be used.
    config
        The settings.
    problems
        Samples that are excluded and why; the error lists them.

    Raises
    ------
    InputError
        Discovery subjects are too few for the folds or for the donor pools, or a bag may hold more
        fragments than a sample that is kept.
    """
    went = [f"excluded: {problem}" for problem in problems.values()]
    subjects = {sample.subject: sample.label for sample in samples if sample.role == "discovery"}
    least = 2 * config.attribution.donors
    if len(subjects) < least:
        raise error_with_reasons(
            f"{config.sheet}: {len(subjects)} usable discovery subjects are too few for "
            f"{config.attribution.donors} donor pools; give at least {least}",
            went,
        )
    for label, name in ((1, "cases"), (0, "controls")):
        count = sum(subject_label == label for subject_label in subjects.values())
        if count < config.model.folds:
            raise error_with_reasons(
                f"{config.sheet}: {count} usable discovery subjects are {name}, too few for "
                f"{config.model.folds} folds; lower model.folds or add subjects",
                went,
            )
    if config.model.bag_size > config.extract.fragments_per_sample:
        raise InputError(
            f"config: model.bag_size ({config.model.bag_size}) is above extract.fragments_per_sample "
            f"({config.extract.fragments_per_sample}); lower it"
        )
    if config.model.bag_size > config.extract.min_fragments:
        raise InputError(
            f"config: model.bag_size ({config.model.bag_size}) is above extract.min_fragments "
            f"({config.extract.min_fragments}), so a kept sample may not fill a bag; lower it, or raise "
            "extract.min_fragments"
        )


def _disk(config: Config, samples: int, existing: Path) -> tuple[int, int]:
    embedded = _VERSIONS * config.attribution.donors * config.model.bag_size * config.model.dim * _FLOAT
    needed = samples * (embedded + config.extract.fragments_per_sample * _BYTES_PER_FRAGMENT)
    folder = Path(config.outdir)
    # Files of an earlier run that was stopped need no more room.
    on_disk = sum(
        path.stat().st_size for part in ("embeddings", "fragments") for path in (folder / part).rglob("*.*")
    )
    return max(needed - on_disk, 0), shutil.disk_usage(existing).free
