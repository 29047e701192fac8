"""Whether a folder still has the record of what its results were made from.

Snakemake keeps the record in ``.snakemake`` of the output folder, under the whole paths of the results. It is
lost where that folder is deleted, and where results are copied or moved. Snakemake then goes by time stamps
alone.
"""

from __future__ import annotations

from pathlib import Path

from cfdna_interp.artifacts.files import write_text


def mark_folder(outdir: Path) -> None:
    """Note beside Snakemake's record which folder it is of."""
    write_text(_mark(outdir), f"{outdir.resolve()}\n")


def record_is_lost(outdir: Path) -> bool:
    """Return whether a folder has results, and no record of what they were made from."""
    if not any(outdir.glob("*.json")) and not (outdir / "qc").is_dir():
        return False
    mark = _mark(outdir)
    if mark.is_file():
        return mark.read_text(encoding="utf-8").strip() != str(outdir.resolve())
    # An earlier version made no mark.
    return not any((outdir / ".snakemake" / "metadata").glob("*"))


def _mark(outdir: Path) -> Path:
    return outdir / ".snakemake" / "folder"
