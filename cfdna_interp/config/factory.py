"""The files of a package that a config names code in, without running any of it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def factory_files(factory: str | None) -> list[Path]:
    """Return the Python files of the package that ``package.module:function`` lies in, sorted.

    Parameters
    ----------
    factory
        ``model.factory`` of a config.

    Returns
    -------
    Empty where none is named or the package isn't there: whoever imports it says so.
    """
    if not factory:
        return []
    try:
        # Of the outermost package: to look inside of one would import it.
        spec = find_spec(factory.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return sorted(path for place in spec.submodule_search_locations for path in Path(place).rglob("*.py"))
    return [Path(spec.origin)] if spec.origin and Path(spec.origin).is_file() else []
