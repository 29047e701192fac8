"""The last line of defence: an error that nobody foresaw is one line, and a file for whoever mends it."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Sequence
from pathlib import Path

from cfdna_interp import __version__
from cfdna_interp.artifacts.addresses import hide_secrets

FAULT_MARK = "cfdna-interp, fault of the program: "


def report_crash(error: Exception, arguments: Sequence[str]) -> str:
    """Write what is known of an unforeseen error to a file, and return one line that names it.

    Parameters
    ----------
    error
        What was raised.
    arguments
        The command line. The file lies among the logs of the run that its ``--config`` names, or in the
        working directory.
    """
    command = next((word for word in arguments[1:] if not word.startswith("-")), "")
    lines = [
        f"cfdna-interp {__version__}, Python {platform.python_version()}, {platform.platform()}",
        " ".join(arguments),
        "",
        *traceback.format_exception(error),
    ]
    name = f"crash.{command or 'cfdna-interp'}.{os.getpid()}.txt"
    report = hide_secrets("\n".join(lines))
    where = "no report could be written"
    for folder in (_logs(arguments), Path.cwd()):
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(report, encoding="utf-8", errors="backslashreplace")
                where = f"a report is in {folder / name}"
                break
        except OSError:
            continue
    said = hide_secrets(" ".join(str(error).split()))[:300]
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{FAULT_MARK}{command}: {type(error).__name__}: {said} ({Path(place.filename).name}, line "
        f"{place.lineno}); {where}, please send it in; cfdna-interp --debug {command} ... shows the traceback"
    )


def _logs(arguments: Sequence[str]) -> Path | None:
    """Return the folder of logs of the run that the arguments name, None where they name none."""
    from cfdna_interp.artifacts.layout import Layout
    from cfdna_interp.config import load_config

    try:
        config = load_config(Path(arguments[list(arguments).index("--config") + 1]))
        return Layout.of(config.outdir).log("crash").parent
    except Exception:  # whatever is wrong with the config, it is not what is reported here
        return None
