"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """Finite numbers within a range; no comparison keeps NaN out of one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or end with a usage error."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number", param, ctx)
        return number


def config_option(function: Function) -> Function:
    """Add ``--config FILE``, the run's settings."""
    return click.option(
        "--config",
        "config_path",
        required=True,
        type=click.Path(path_type=Path),
        help="The run's settings (YAML).",
    )(function)


def stage_config_option(function: Function) -> Function:
    """Add ``--config FILE`` to the command of a stage, which is known to be at work as long as it runs."""

    @wraps(function)
    def at_work(config_path: Path, **options: Any) -> Any:
        from cfdna_interp.config import load_config
        from cfdna_interp.workflow.owner import job_at_work

        outdir = Path(load_config(config_path).outdir)
        with job_at_work(outdir, click.get_current_context().info_name or ""):
            return function(config_path, **options)

    return config_option(at_work)  # type: ignore[return-value]
