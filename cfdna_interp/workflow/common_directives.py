"""The directives that all rules of the Snakefile have in common, said once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cfdna_interp import __version__
from cfdna_interp.artifacts.identity import identities
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.workflow.stages import Stage


class StageWorkflow:
    """Snakemake's workflow; it adds log, benchmark, resources and params to the rules of stages.

    Snakemake compiles a rule to decorators: ``@workflow.rule``, ``@workflow.input`` and so on. A Snakefile
    assigns this object to its ``workflow``. From there on each rule that has the name of a stage gets the
    four directives. A directive that the rule itself has is kept, and ``use rule ... with:`` replaces any of
    them. All else is Snakemake's own.

    Parameters
    ----------
    workflow
        ``workflow`` of a Snakefile.
    stages
        The stages by the names of their rules. Other rules stay as they are.
    layout
        Where logs and benchmarks lie.
    config
        The file of the settings.
    """

    def __init__(self, workflow: Any, stages: Mapping[str, Stage], layout: Layout, config: Path) -> None:
        self._workflow = workflow
        self._config = str(config)
        self._stages = stages
        self._layout = layout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workflow, name)

    def rule(self, name: str, **place: Any) -> Callable[[Any], Any]:
        """Return the decorator that adds a rule to the workflow, with the directives of its stage."""
        register: Callable[[Any], Any] = self._workflow.rule(name=name, **place)
        if name not in self._stages:
            return register

        def complete(rule: Any) -> Any:
            for directive, add in self._directives(name).items():
                if getattr(rule, directive) is None:
                    add(rule)
            return register(rule)

        return complete

    def _directives(self, name: str) -> dict[str, Callable[[Any], Any]]:
        stage = self._stages[name]
        # Snakemake runs a job anew when one of its params has changed.
        params: dict[str, Any] = {"version": __version__, "config": self._config_of_job}
        if stage.settings is not None:
            params["settings"] = stage.settings
        if stage.row is not None:
            params["row"] = _of_job(stage.row)
        if stage.files is not None:
            params["files"] = _of_job(stage.files, identities)
        return {
            "log": self._workflow.log(self._layout.log(name, stage.job)),
            "benchmark": self._workflow.benchmark(self._layout.benchmark(name, stage.job)),
            "resources": self._workflow.resources(mem_mb=stage.memory),
            "params": self._workflow.params(**params),
        }

    def _config_of_job(self, wildcards: Any, input: Any) -> str:
        """Return the path of the settings. Snakemake compares no param that asks for the inputs of its job.

        A config by another name is the same config.
        """
        return self._config


def _of_job(read: Callable[[Any], Any], then: Callable[[Any], Any] = tuple) -> Callable[[Any], Any]:
    """Return a function of the name that Snakemake asks for: it passes arguments by their names."""

    def param(wildcards: Any) -> Any:
        return then(read(wildcards))

    return param
