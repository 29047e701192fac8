"""Reader of complete tab-separated tables of earlier stages."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from cfdna_interp.config.regular_file import check_regular


def read_rows(path: Path | str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a table that a stage wrote.

    A table that was cut at the end of a line looks complete. The caller has to check its rows.

    Raises
    ------
    OSError
        The file can't be read.
    ValueError
        The file isn't text, has no header, doesn't end with a line, or a row and the header differ in length.
    """
    check_regular(path, "table", "run the stage that writes it again")
    with open(path, newline="", encoding="utf-8") as handle:
        text = handle.read()
    if not text.endswith("\n"):
        raise ValueError("its last line is cut off" if text else "it is empty")
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
    except csv.Error as error:
        raise ValueError(str(error)) from None
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"{len(row)} cells under {len(header)} columns")
    return header, rows
