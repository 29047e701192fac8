"""Whether the sheet or the table is still the file that the cohort was read from."""

from __future__ import annotations

from pathlib import Path

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.source import CohortSource
from cfdna_interp.records.table import TableSource


def save_source(config: Config) -> None:
    """Write ``source.json``: name and digest of the sheet or the table."""
    source = Path(config.source)
    record = CohortSource(file=source.name, size=source.stat().st_size, digest=digest_file(source))
    save_record(record, Layout.of(config.outdir).file(CohortSource.FILE))


def check_source(config: Config) -> None:
    """Check that the sheet or the table is the file that earlier stages read.

    Raises
    ------
    InputError
        Its content is another one than ``cohort`` read; or, for a table, than ``matrix`` read.
    """
    layout = Layout.of(config.outdir)
    digest = digest_file(config.source)
    readers = {"cohort": load_record(CohortSource, layout.file(CohortSource.FILE)).digest}
    held = layout.file(TableSource.FILE)
    if config.features.table is not None and held.is_file():
        readers["matrix"] = load_record(TableSource, held).digest
    for stage, known in readers.items():
        if known != digest:
            raise InputError(
                f"{config.source} has changed since the {stage} stage read it, so its rows don't belong to "
                f"the results in {config.outdir}; run the workflow again (cfdna-interp run --config ...), "
                "which makes anew what depends on it"
            )
