"""Files that ship with the software: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, e.g. ``shipped("resources", "builds")``.

    Raises
    ------
    FileNotFoundError
        Nothing of that name ships with the software.
    """
    for root in (PACKAGE.parent, PACKAGE / "workflow"):
        path = root.joinpath(*parts)
        # The checkout is told from any other parent folder by its Snakefile.
        if (root / "Snakefile").is_file() and path.exists():
            return path
    raise FileNotFoundError(f"{'/'.join(parts)} does not ship with this installation")
