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

import pysam

from cfdna_interp import __version__
from cfdna_interp.artifacts.files import plain, read_json, write_json, write_text
from cfdna_interp.errors import InputError
from cfdna_interp.simulation.bam import write_bam
from cfdna_interp.simulation.library import sequence
from cfdna_interp.simulation.noise import build_summaries
from cfdna_interp.simulation.papers import atlas_text, config_text, sheet_text, truth
from cfdna_interp.simulation.subjects import Subject, draw_subjects
from cfdna_interp.simulation.tables import subject_molecules
from cfdna_interp.simulation.worlds import World
from cfdna_interp.stats.resampling import stream

# The stage that reads alignments knows a simulated file by the start of this comment in its header.
MARK = "cfdna-interp simulation"


def simulate(world: World, out: Path | str, *, seed: int = 1, jobs: int = 1, dialect: str = "xm") -> Path:
    """Write a cohort under ``out`` and return the path of its ``config.yaml``.

    Files: ``genome.fa`` and index, ``build.tsv``, ``atlas.tsv``, ``bam/{sample}.bam`` and index,
    ``sheet.tsv``, ``config.yaml`` and, last, ``truth.json``. A call that was killed is taken up where it
    ended: finished files of the same world and seed are kept as they are, others are made anew. The bytes
    don't depend on ``jobs``.

    Parameters
    ----------
    world
        From :func:`cfdna_interp.simulation.worlds.load_world`.
    out
        Folder, made where absent.
    seed
        Seed of the cohort; genome and atlas belong to ``world.genome``.
    jobs
        Processes that write BAM files side by side.
    dialect
        How methylation is written, see :mod:`cfdna_interp.simulation.dialects`; the truth is the same.

    Raises
    ------
    InputError
        The folder cannot be written, the world has too few fragments or effects out of reach.
    """
    folder = Path(out)
    summaries = build_summaries(world.genome)
    subjects = draw_subjects(world, summaries, seed)
    digest = _digest(world, seed, dialect)
    config = folder / "config.yaml"
    try:
        (folder / "bam").mkdir(parents=True, exist_ok=True)
        if _complete(folder, subjects, digest):
            return config
        _clear(folder, digest)
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
        for name, text in texts.items():
            _write_if_new(folder / name, text)
        write = partial(write_sample, folder, world, seed, dialect, digest)
        for done, _ in enumerate(_each(write, subjects, jobs), start=1):
            if done % 20 == 0 or done == len(subjects):
                print(f"simulate: {done} of {len(subjects)} samples", file=sys.stderr)
        write_json(
            folder / "truth.json",
            {"settings": digest, "dialect": dialect, **truth(world, summaries, subjects, seed)},
        )
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error}); give another --out") from None
    return config


def write_sample(folder: Path, world: World, seed: int, dialect: str, digest: str, subject: Subject) -> None:
    """Write one sample's BAM file and index, unless they are there and belong to ``digest``."""
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
        # The index goes first: a BAM file that is in its place has its index.
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
    """End this worker when its parent is killed: an orphan would go on writing beside the next run."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _digest(world: World, seed: int, dialect: str) -> str:
    settings = {"version": __version__, "seed": seed, "dialect": dialect, "world": plain(world.as_dict())}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _complete(folder: Path, subjects: Sequence[Subject], digest: str) -> bool:
    record = folder / "truth.json"
    if not record.exists() or read_json(record).get("settings") != digest:
        return False
    bams = [folder / subject.row.bam for subject in subjects]
    return all(_finished(bam, Path(f"{bam}.bai"), digest) for bam in bams)


def _clear(folder: Path, digest: str) -> None:
    """Remove what a killed call left half-written, and a cohort of other settings."""
    for leftover in (folder / "bam").glob(".tmp-*"):
        leftover.unlink(missing_ok=True)
    record = folder / "truth.json"
    if not record.exists():
        return
    old = read_json(record)
    # The record goes first: without it nobody takes the folder for a finished cohort.
    record.unlink()
    if old.get("settings") != digest:
        for subject in old.get("subjects", []):
            for suffix in (".bam", ".bam.bai"):
                (folder / "bam" / f"{subject['sample']}{suffix}").unlink(missing_ok=True)


def _finished(bam: Path, index: Path, digest: str) -> bool:
    if not bam.exists() or not index.exists():
        return False
    try:
        with pysam.AlignmentFile(str(bam), "rb") as handle:
            comments = handle.header.to_dict().get("CO", [])
    except (OSError, ValueError):
        return False
    return any(comment.endswith(f"settings={digest}") for comment in comments)


def _write_if_new(path: Path, text: str) -> None:
    """Leave a file alone that holds the text already: the workflow judges by modification times."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
