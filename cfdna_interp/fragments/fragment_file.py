"""Fragment files: fragments that another tool has read from alignments already, one line each."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, cast

from cfdna_interp.artifacts.addresses import is_remote, shown
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.alignment import SIMULATED
from cfdna_interp.fragments.build import declared_build
from cfdna_interp.fragments.read_signs import Sign
from cfdna_interp.records.qc import Dialect, Reads

# Columns by their number. Five: FinaleDB's and FinaleToolkit's
# (https://epifluidlab.github.io/FinaleToolkit/documentation/user_guide/inputdata.html). Three and six: BED;
# the score of six columns is taken for the mapping quality, as FinaleToolkit does.
LAYOUTS = {
    3: ("contig", "start", "stop"),
    5: ("contig", "start", "stop", "mapq", "strand"),
    6: ("contig", "start", "stop", "name", "mapq", "strand"),
}
STRANDS = ("+", "-", ".")
MAX_MAPQ = 255  # says "not available" in the SAM specification
_SUFFIXES = (".bed", ".frag", ".tsv")
_GZIP = b"\x1f\x8b"
_BGZF = b"BC\x02\x00"  # the extra field by which the SAM specification (4.1) tells BGZF from gzip
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_SCORES = 10_000  # lines whose scores are looked at
_DIGITS = 20  # of a number; Python refuses to read thousands of them
LINE = 65_536  # bytes of the longest line that is read
# Bytes of lines before the first fragment, and of blank ones between two. A small gzip file can unpack to
# gigabytes of them.
BLANK = 1 << 24


@dataclass(frozen=True)
class FragmentFile:
    """A checked fragment file.

    Attributes
    ----------
    who
        Sample and file; error messages begin with it.
    path
        The file.
    contig_names, contig_lengths
        Contigs of the declared build, in its order; bp.
    build
        Name of the build.
    simulated
        Whether a comment at its beginning says that our simulation wrote it.
    dialect
        ``none``: such files hold no methylation.
    columns
        Names of the columns: one of ``LAYOUTS``.
    skipped
        Lines before the first fragment: comments, ``track`` and ``browser`` lines, blank ones.
    compressed
        Whether it is gzip (bgzip included).
    signs
        What its first lines show of losses.
    reads, converted_upper
        As of alignments: a line counts as a pair, and has no letters.
    """

    who: str
    path: str
    contig_names: tuple[str, ...]
    contig_lengths: tuple[int, ...]
    build: str
    simulated: bool
    dialect: Dialect
    columns: tuple[str, ...]
    skipped: int
    compressed: bool
    signs: tuple[Sign, ...] = ()
    reads: Reads = "paired"
    converted_upper: bool = False

    def open_bytes(self) -> BinaryIO:
        """Open the decompressed bytes."""
        return _open_bytes(self.path, self.compressed)


def is_fragment_file(path: str) -> bool:
    """Tell by the name: ``.bed``, ``.frag`` or ``.tsv``, with or without ``.gz`` or ``.bgz``."""
    name = shown(path).lower()
    return name.removesuffix(".gz").removesuffix(".bgz").endswith(_SUFFIXES)


@contextmanager
def open_fragments(sample: Sample, config: Config) -> Iterator[FragmentFile]:
    """Check the beginning of a sample's fragment file.

    Raises
    ------
    InputError
        The file is remote, missing, empty, truncated or has unknown columns. Or the config asks for
        methylation, or names no build, which such a file can't tell.
    """
    path = sample.bam
    who = f"sample {sample.sample}: {shown(path)}"
    if is_remote(path):
        raise InputError(f"{who} is remote; download it, fragment files are read from disk")
    if not os.path.isfile(path):
        what = "is a folder" if os.path.isdir(path) else "does not exist"
        raise InputError(f"{who} {what}; correct the bam column of the sheet")
    if os.path.getsize(path) == 0:
        raise InputError(f"{who} is empty (0 bytes); copy or write it again")
    if (sample.methylation or config.extract.methylation) != "none":
        raise InputError(
            f"{who} is a fragment file, which holds no methylation; set methylation: none in the sheet, or "
            "extract.methylation: none"
        )
    if config.reference.build == "auto":
        raise InputError(
            f"{who} is a fragment file, which does not tell its genome build; "
            "set reference.build to GRCh37, GRCh38, T2T-CHM13v2.0 or the path of a contig table"
        )
    build, lengths = declared_build(config.reference.build)
    try:
        compressed = _check_compression(who, path)
        comments, first = _head(who, path, compressed)
        columns = _columns(f"{who}: line {len(comments) + 1}", first)
        signs = _signs(path, compressed, columns, len(comments), config.extract.min_mapq)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(damaged(who, error)) from None
    yield FragmentFile(
        who=who,
        path=path,
        contig_names=tuple(lengths),
        contig_lengths=tuple(lengths.values()),
        build=build,
        simulated=any(line.lstrip("# ").startswith(SIMULATED) for line in comments),
        dialect="none",
        columns=columns,
        skipped=len(comments),
        compressed=compressed,
        signs=signs,
    )


def is_number(cell: str) -> bool:
    """Tell whether a cell holds decimal digits and nothing else, as many as a number of 64 bits at most."""
    return cell.isascii() and cell.isdigit() and len(cell) <= _DIGITS


def damaged(who: str, error: Exception) -> str:
    """Return the message about a file that breaks off or can't be decompressed."""
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{who} is truncated or damaged ({text}); copy or write it again"


def _open_bytes(path: str, compressed: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if compressed else open(path, "rb")


def _check_compression(who: str, path: str) -> bool:
    with open(path, "rb") as handle:
        begin = handle.read(16)
        if begin[:2] != _GZIP:
            return False
        # To a decompressor, a bgzip file that is cut off between two blocks looks whole. A whole one ends
        # with a known block.
        if begin[12:16] == _BGZF:
            handle.seek(-min(len(_BGZF_END), os.path.getsize(path)), os.SEEK_END)
            if handle.read() != _BGZF_END:
                raise InputError(
                    f"{who} is truncated (its last bgzip block is missing); copy or write it again"
                )
    return True


def _head(who: str, path: str, compressed: bool) -> tuple[list[str], str]:
    """Return the lines before the first fragment, and the first fragment's."""
    comments: list[str] = []
    size = 0
    with _open_bytes(path, compressed) as handle:
        while raw := handle.readline(LINE):
            line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
            if line.strip() and not line.startswith(("#", "track", "browser")):
                return comments, line
            comments.append(line)
            size += len(raw)
            if size > BLANK:
                raise InputError(f"{who} has no fragment in its first {BLANK:,} bytes; write the file again")
    raise InputError(f"{who} holds no fragments; drop the sample from the sheet or write the file again")


def _signs(
    path: str, compressed: bool, columns: tuple[str, ...], skipped: int, min_mapq: int
) -> tuple[Sign, ...]:
    """Return what the scores of the first lines show: they may be no mapping quality."""
    if "mapq" not in columns:
        return ()
    place = columns.index("mapq")
    with _open_bytes(path, compressed) as handle:
        lines = (line.rstrip(b"\r\n").split(b"\t") for line in islice(handle, skipped, skipped + _SCORES))
        scores = [
            int(cells[place]) for cells in lines if len(cells) == len(columns) and cells[place].isdigit()
        ]
    below = sum(score < min_mapq for score in scores)
    if not below or below < len(scores):
        return ()
    return (Sign("low_mapq", "score", 2 * below, 2 * len(scores)),)


def _columns(where: str, line: str) -> tuple[str, ...]:
    cells = line.split("\t")
    expected = (
        "expected columns separated by tabs: chrom, start, stop (BED), chrom, start, stop, mapq, strand "
        "(FinaleDB), or chrom, start, stop, name, mapq, strand (BED6), and # before a header"
    )
    if len(cells) not in LAYOUTS:
        raise InputError(f"{where} has {len(cells)} columns; {expected}")
    columns = LAYOUTS[len(cells)]
    values = dict(zip(columns, cells, strict=True))
    for name in ("start", "stop", "mapq"):
        if name in values and not is_number(values[name]):
            raise InputError(f"{where} has {values[name]!r} as {name}; {expected}")
    if values.get("name", "").endswith(("/1", "/2")):
        raise InputError(
            f"{where} is of a mate ({values['name']}), as bedtools bamtobed writes each read of a pair; give "
            "one line per fragment, or the alignments themselves"
        )
    if values.get("strand", ".") not in STRANDS:
        raise InputError(f"{where} has {values['strand']!r} as strand; {expected}")
    return columns
