"""Tell the genome build of alignments by the lengths of their contigs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.config.resources import shipped
from cfdna_interp.errors import InputError

_DIGITS = 18  # of the largest length that is read


@cache
def _aliases() -> dict[str, str]:
    """Return accession -> bare name of the chromosomes of the shipped builds."""
    names = {}
    for line in shipped("resources", "aliases.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, *accessions = line.split("\t")
            names.update(dict.fromkeys(filter(None, accessions), name))
    return names


def bare(contig: str) -> str:
    """Return a contig's name without the habits of its source: 1, X, MT.

    The prefix ``chr`` is dropped, and the mitochondrion is ``MT``. RefSeq and GenBank accessions
    (NC_000001.11, CM000663.2) become the chromosome's name; ``resources/aliases.tsv`` lists the accessions of
    NCBI's assembly reports. The name doesn't tell the build; the lengths do (:func:`find_build`).
    """
    name = contig[3:] if contig[:3].lower() == "chr" else contig
    return "MT" if name in ("M", "MT") else _aliases().get(contig, name)


def common_name(contig: str) -> str:
    """Return the name that samples of one study share: chr1, chrX, chrM; other contigs as they are."""
    name = bare(contig)
    if name.isdigit() or name in ("X", "Y"):
        return f"chr{name}"
    return "chrM" if name == "MT" else contig


def is_autosome(contig: str) -> bool:
    """Tell whether the contig is a numbered chromosome, whatever the naming."""
    return bare(contig).isdigit()


def load_build(path: Path) -> dict[str, int]:
    """Read contig -> length (bp) from the first two columns of a table, e.g. a ``.fai``."""
    lengths = {}
    check_regular(path, "reference build", "give a contig table")
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            cells = line.split("\t")
            if len(cells) < 2 or not cells[1].strip().isdecimal() or len(cells[1]) > _DIGITS:
                raise InputError(
                    f"reference build {path}, line {number}: expected contig and length separated by a tab"
                )
            lengths[cells[0]] = int(cells[1])
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"reference build {path} cannot be read ({error}); give a contig table") from None
    if not lengths:
        raise InputError(f"reference build {path} names no contig; give a table of contigs and lengths")
    return lengths


def find_build(contigs: Mapping[str, int], setting: str, who: str) -> str:
    """Return the name of the build that the header's contigs belong to.

    Contigs match by name (see :func:`bare`) and must agree in length. Two kinds of contigs don't count: those
    that the build doesn't name (decoys, alternative loci), and the mitochondrion, whose sequence differs
    between distributions of one build.

    Parameters
    ----------
    contigs
        Contig -> length (bp) in the header.
    setting
        ``auto``, the name of a shipped build, or the path of a contig table.
    who
        Begins the error message: sample and file.

    Raises
    ------
    InputError
        No declared build has these contigs; the message names one contig with its lengths.
    """
    candidates = _candidates(setting)
    misfits = []
    for name, path in candidates.items():
        misfit = _misfit(contigs, load_build(path))
        if misfit is None:
            return name
        misfits.append(f"{name}: {misfit}")
    raise InputError(
        f"{who} has contigs of no declared build ({'; '.join(misfits)}); "
        "set reference.build to the build of the alignments, or align to the declared one"
    )


def declared_build(setting: str) -> tuple[str, dict[str, int]]:
    """Return name and contigs (name -> bp, in the build's order) of a build that the settings name.

    Parameters
    ----------
    setting
        The name of a shipped build, or the path of a contig table.

    Raises
    ------
    InputError
        There is no such build.
    """
    ((name, path),) = _candidates(setting).items()
    return name, load_build(path)


def _candidates(setting: str) -> dict[str, Path]:
    """Return name -> contig table of the builds that a setting allows."""
    tables = {path.stem: path for path in sorted(shipped("resources", "builds").glob("*.tsv"))}
    if setting == "auto":
        return tables
    if setting in tables:
        return {setting: tables[setting]}
    if "/" in setting:
        return {Path(setting).stem: Path(setting)}
    raise InputError(
        f"reference.build {setting!r} is neither auto, {', '.join(tables)} nor the path of a contig table; "
        f"of a file beside the config write ./{setting}"
    )


def _misfit(contigs: Mapping[str, int], build: Mapping[str, int]) -> str | None:
    """Return what is wrong, None where the contigs fit."""
    lengths = {bare(name): length for name, length in build.items()}
    shared = [name for name in contigs if bare(name) in lengths and bare(name) != "MT"]
    if not shared:
        first = next(iter(contigs), None)
        return f"no contig in common, first is {first} of {contigs[first]} bp" if first else "no contig"
    for name in shared:
        if contigs[name] != lengths[bare(name)]:
            return f"{name} has {contigs[name]} bp instead of {lengths[bare(name)]}"
    return None
