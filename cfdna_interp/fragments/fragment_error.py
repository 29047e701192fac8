"""Find the wrong line of a fragment file, and say why it is wrong, after a check of the file has failed."""

from __future__ import annotations

import zlib

from cfdna_interp.fragments.build import bare
from cfdna_interp.fragments.fragment_file import (
    BLANK,
    LINE,
    MAX_MAPQ,
    STRANDS,
    FragmentFile,
    damaged,
    is_number,
)


def explain(source: FragmentFile, fallback: str) -> str:
    """Return the message about the first malformed line, or ``fallback`` if every line is fine."""
    lengths = {
        bare(name): length for name, length in zip(source.contig_names, source.contig_lengths, strict=True)
    }
    try:
        with source.open_bytes() as handle:
            blank = 0
            for number, raw in enumerate(iter(lambda: handle.readline(LINE), b""), start=1):
                blank = blank + len(raw) if raw.isspace() else 0
                if blank > BLANK:
                    break
                line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
                if number > source.skipped and line and (wrong := _wrong(line, source, lengths)):
                    return f"{source.who}: line {number}: {wrong}"
    except (OSError, EOFError, zlib.error) as error:
        return damaged(source.who, error)
    return f"{source.who}: {fallback}; write the file again"


def _wrong(line: str, source: FragmentFile, lengths: dict[str, int]) -> str | None:
    """Return what is wrong with a line and what to do, None where it is fine."""
    cells = line.split("\t")
    if len(cells) != len(source.columns):
        return f"{len(cells)} columns instead of {len(source.columns)} as in the first line; correct the line"
    values = dict(zip(source.columns, cells, strict=True))
    for name in ("start", "stop", "mapq"):
        if name in values and not is_number(values[name]):
            return f"{name} is {values[name]!r}, no number; correct the line"
    start, stop = int(values["start"]), int(values["stop"])
    if stop <= start:
        return f"stop {stop} is not above start {start}; correct the line"
    end = lengths.get(bare(values["contig"]))
    if end is not None and stop > end:
        return (
            f"stop {stop} lies beyond {values['contig']}, which has {end} bp in {source.build}; "
            "set reference.build to the build of the fragments"
        )
    if int(values.get("mapq", 0)) > MAX_MAPQ:
        return (
            f"mapq is {values['mapq']}, above {MAX_MAPQ}: no mapping quality; give one, "
            "or keep the first three columns only (cut -f 1-3)"
        )
    if values.get("strand", ".") not in STRANDS:
        return f"strand is {values['strand']!r}, none of + - .; correct the line"
    return None
