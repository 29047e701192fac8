"""A simulated cohort on disk: genome, atlas, BAM files, sheet, config and the truth."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pysam

from cfdna_interp import __version__
from cfdna_interp.artifacts.files import plain, write_text
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.truth import Truth
from cfdna_interp.simulation.bam import write_bam
from cfdna_interp.simulation.fragment_tables import subject_molecules
from cfdna_interp.simulation.library import sequence
from cfdna_interp.simulation.noise import build_summaries
from cfdna_interp.simulation.papers import atlas_text, config_text, sheet_text, truth
from cfdna_interp.simulation.people import Subject, draw_subjects
from cfdna_interp.simulation.worlds import World
from cfdna_interp.stats.resampling import stream

# The stage that reads alignments recognises a simulated file by the start of this comment in its header.
MARK = "cfdna-interp simulation"


def simulate(world: World, out: Path | str, *, seed: int = 1, jobs: int = 1, dialect: str = "xm") -> Path:
    """Write a cohort under ``out`` and return the path of its ``config.yaml``.

    Files: ``genome.fa`` and index, ``build.tsv``, ``atlas.tsv``, ``bam/{sample}.bam`` and index,
    ``sheet.tsv``, ``config.yaml`` and, last, ``truth.json``. A call that was killed is resumed: finished
    files of the same world and seed stay, missing ones are made. No existing file is ever replaced. The bytes
    don't depend on ``jobs``.

    Parameters
    ----------
    world
        From :func:`cfdna_interp.simulation.worlds.load_world`.
    out
        Folder, which is created if needed.
    seed
        Seed of the cohort; genome and atlas belong to ``world.genome``.
    jobs
        Number of processes that write BAM files.
    dialect
        How methylation is written, see :mod:`cfdna_interp.simulation.dialects`; the truth is the same.

    Raises
    ------
    InputError
        The folder can't be written, or has a cohort with other settings or other files; the world has too few
        fragments or effects out of reach.
    """
    folder = Path(out)
    summaries = build_summaries(world.genome)
    subjects = draw_subjects(world, summaries, seed)
    settings = _settings(world, seed, dialect)
    digest = _digest(settings)
    config = folder / "config.yaml"
    try:
        if _complete(folder, subjects, settings):
            return config
        genome = summaries.biology.genome
        fasta, index = genome.fasta()
        build = "".join(f"{n}\t{size}\n" for n, size in zip(genome.names, genome.lengths, strict=True))
        texts = {
            "genome.fa": fasta,
            "genome.fa.fai": index,
            "build.tsv": build,
            "atlas.tsv": atlas_text(summaries.biology),
            "sheet.tsv": sheet_text(subjects, dialect),
            "config.yaml": config_text(world, seed, dialect),
        }
        _refuse_foreign(folder, texts, subjects, digest)
        (folder / "bam").mkdir(parents=True, exist_ok=True)
        _clear(folder)
        for name, text in texts.items():
            # Existing files are not written again, because the workflow uses modification times.
            if not (folder / name).exists():
                write_text(folder / name, text)
        write = partial(write_sample, folder, world, seed, dialect, digest)
        for done, _ in enumerate(_each(write, subjects, jobs), start=1):
            if done % 20 == 0 or done == len(subjects):
                print(f"simulate: {done} of {len(subjects)} samples", file=sys.stderr)
        save_record(truth(world, summaries, subjects, seed, dialect, digest), folder / Truth.FILE)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error}); give another --out") from None
    return config


def write_sample(folder: Path, world: World, seed: int, dialect: str, digest: str, subject: Subject) -> None:
    """Write one sample's BAM file and index, unless they exist and belong to ``digest``."""
    target = folder / subject.row.bam
    index = Path(f"{target}.bai")
    if _finished(target, index, digest):
        return
    genome = build_summaries(world.genome).biology.genome
    molecules = subject_molecules(build_summaries(world.genome).biology, world, subject, seed)
    reads = sequence(genome, molecules, world.library, stream(seed, "library", subject.row.sample))
    comment = f"{MARK} world={world.name} seed={seed} settings={digest}"
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    temporary_index = Path(f"{temporary}.bai")
    try:
        write_bam(temporary, genome, subject.row.sample, comment, reads, dialect)
        pysam.index(str(temporary))
        # The index is moved first, so that a BAM file in its place always has its index.
        os.replace(temporary_index, index)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        temporary_index.unlink(missing_ok=True)


def _each(write: Callable[[Subject], None], subjects: Sequence[Subject], jobs: int) -> Iterator[None]:
    if jobs == 1:
        yield from map(write, subjects)
        return
    with ProcessPoolExecutor(jobs, initializer=_leave_with, initargs=(os.getpid(),)) as pool:
        yield from pool.map(write, subjects)


def _leave_with(parent: int) -> None:
    """End this worker when its parent is killed: an orphan would go on writing during the next run."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _settings(world: World, seed: int, dialect: str) -> dict[str, Any]:
    return {"version": __version__, "seed": seed, "dialect": dialect, "world": plain(world.as_dict())}


def _digest(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _complete(folder: Path, subjects: Sequence[Subject], settings: dict[str, Any]) -> bool:
    """Return whether the cohort is complete; raise ``InputError`` if the folder has another one."""
    path = folder / Truth.FILE
    if not path.exists():
        return False
    try:
        old = load_record(Truth, path)
    except InputError:  # another file of that name, which must not be deleted
        raise InputError(
            f"{path} is not one that simulate of this version wrote; give another --out"
        ) from None
    digest = _digest(settings)
    if old.settings != digest:
        raise InputError(
            f"{folder} holds a cohort of other settings ({_difference(old, settings)}); give another --out, "
            "or delete the folder"
        )
    bams = [folder / subject.row.bam for subject in subjects]
    return all(_finished(bam, Path(f"{bam}.bai"), digest) for bam in bams)


def _difference(old: Truth, new: dict[str, Any]) -> str:
    """Return the settings that differ, with their values if these are short."""
    before = {"version": old.version, "seed": old.seed, "dialect": old.dialect, **old.world}
    after = {**new, **new["world"]}
    said = []
    for key in after:
        was, now = before.get(key), after[key]
        if key != "world" and was != now:
            short = max(len(str(was)), len(str(now))) <= 20
            said.append(f"{key} {was} instead of {now}" if short else key)
    return ", ".join(said[:4])


def _refuse_foreign(folder: Path, texts: dict[str, str], subjects: Sequence[Subject], digest: str) -> None:
    """Raise ``InputError`` before anything is written if there is a file that this call would not write."""
    foreign = [
        name
        for name, text in texts.items()
        if (folder / name).exists() and (folder / name).read_bytes() != text.encode()
    ]
    for subject in subjects:
        bam = folder / subject.row.bam
        if bam.exists() and not _carries(bam, digest):
            foreign.append(subject.row.bam)
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise InputError(
            f"{folder} holds files that simulate did not write with these settings "
            f"({', '.join(foreign[:3])}{more}); give another --out"
        )


def _clear(folder: Path) -> None:
    """Remove incomplete files of a killed call."""
    for leftover in (folder / "bam").glob(".tmp-[0-9]*-*.bam*"):
        leftover.unlink(missing_ok=True)
    # The record is removed, so that the folder isn't taken for a finished cohort while parts are made again.
    (folder / Truth.FILE).unlink(missing_ok=True)


def _finished(bam: Path, index: Path, digest: str) -> bool:
    return bam.exists() and index.exists() and _carries(bam, digest)


def _carries(bam: Path, digest: str) -> bool:
    """Return whether a BAM file's header has the comment of these settings."""
    try:
        with pysam.AlignmentFile(str(bam), "rb") as handle:
            comments = handle.header.to_dict().get("CO", [])
    except (OSError, ValueError):
        return False
    return any(comment.startswith(MARK) and comment.endswith(f"settings={digest}") for comment in comments)
