"""Stage ``proxy``: fit the proxy and its baselines, score held-out samples, and freeze the protocol."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import structs

from cfdna_interp import __version__
from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import (
    TECHNICAL,
    Inputs,
    Table,
    column_inputs,
    group_inputs,
    load_table,
    usable,
)
from cfdna_interp.artifacts.predictions import Score, save_scores
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.baselines import baselines, fit_all, inputs_of, seldom_measured
from cfdna_interp.proxy.fit import CrossValidation
from cfdna_interp.proxy.linear import Linear
from cfdna_interp.proxy.measure import METRICS
from cfdna_interp.proxy.training import training_distance, training_levels
from cfdna_interp.proxy.worth import cross_validations, fidelity_to_model, stable_features
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.protocol import ColumnKnown, FrozenProtocol
from cfdna_interp.records.proxy import ExtractionSettings, NestedCrossValidation, Obstacle, Proxy, Regression
from cfdna_interp.records.values import Counts, known
from cfdna_interp.stats.resampling import stream

# If the mode of fragment length of a new sample is outside the training range, it was probably made by
# another laboratory protocol.
MODE = "length_mode"
FROZEN = (
    "features.discovery.h5ad",
    "features.heldout.h5ad",
    "predictions.discovery.parquet",
    "scores.model.parquet",
    "dominance.json",
    "proxy.json",
    "scores.proxy.parquet",
)


def run_proxy(config: Config) -> None:
    """Write ``proxy.json``, ``scores.proxy.parquet`` and ``protocol.json``.

    Raises
    ------
    InputError
        An input of the stage is missing or does not fit, or a class is too small to fit anything.
    """
    layout = Layout.of(config.outdir)
    discovery, heldout = (load_table(layout.matrix(role)) for role in ("discovery", "heldout"))
    if discovery.labels is None:
        raise InputError(f"{layout.matrix('discovery')} has no labels; run the matrix stage again")
    if discovery.names != heldout.names:
        raise InputError(
            f"{layout.matrix('heldout')} has other features than {layout.matrix('discovery')}; "
            "run the matrix stage again"
        )
    dominance = load_record(Dominance, layout.file(Dominance.FILE))
    group = dominance.group
    # Missing shares of held-out samples don't depend on labels and are known before the opening.
    seldom = seldom_measured(discovery, heldout)
    fitted, absent = fit_all(config, discovery, group, seldom)
    scores = []
    for baseline in baselines(discovery, seldom):
        if baseline.score in fitted:
            linear = fitted[baseline.score]
            scores += _scores(baseline.score, linear, inputs_of(baseline, heldout, discovery), heldout)
    proxy = fitted.get(f"baseline_{group}")
    if proxy is not None and group is not None:
        scores += _scores("proxy", proxy, group_inputs(heldout, (group,)), heldout)
    save_record(_proxy(config, layout, discovery, dominance, proxy, absent), layout.file(Proxy.FILE))
    save_scores(scores, layout.scores("proxy"))
    protocol = _protocol(config, layout, discovery, dominance, absent, seldom)
    save_record(protocol, layout.file(FrozenProtocol.FILE))


def _scores(score: str, linear: Linear, inputs: Inputs, table: Table) -> list[Score]:
    logits = linear.logits(_columns_of(linear, inputs))
    return [
        Score(sample, subject, score, float(value))
        for sample, subject, value in zip(table.samples, table.subjects, logits, strict=True)
    ]


def _columns_of(linear: Linear, inputs: Inputs) -> np.ndarray:
    """Return the (samples, inputs) columns of a regression, in its order."""
    position = {name: i for i, name in enumerate(inputs.names)}
    return inputs.X[:, [position[name] for name in linear.names]]


def _proxy(
    config: Config,
    layout: Layout,
    table: Table,
    dominance: Dominance,
    linear: Linear | None,
    absent: Mapping[str, Missing],
) -> Proxy:
    group = dominance.group
    obstacle: Obstacle | None = None
    if group is None:
        obstacle = "no group is dominant"
    elif linear is None:
        penalised = absent[f"baseline_{group}"].why is Cause.PENALTY
        obstacle = "the penalty leaves no feature" if penalised else "no feature varies"
    regression = None
    if linear is not None and group is not None:
        regression = _regression(config, layout, table, group, linear)
    return Proxy(
        regression=regression,
        obstacle=obstacle,
        training_range=_ranges(table),
        training_levels=training_levels(table, layout),
        settings=portable_settings(config, layout.root),
        simulated=table.simulated,
    )


def _regression(config: Config, layout: Layout, table: Table, group: str, linear: Linear) -> Regression:
    inputs = group_inputs(table, (group,))
    distance = training_distance(
        _columns_of(linear, inputs),
        table.subjects,
        stream(config.seed, "proxy", "distance"),
    )
    validated = cross_validations(config, layout, table, inputs)
    return Regression(
        group=group,
        n=_subjects(table),
        features=linear.coefficients(),
        intercept=linear.intercept,
        C=linear.C,
        recipe=linear.recipe,
        compositions=linear.compositions,
        draws=tuple(map(tuple, linear.draws.tolist())),
        cv=_nested(validated),
        stability=stable_features(config, table, inputs),
        fidelity=fidelity_to_model(config, layout, table, validated[0]),
        training_distance=distance.record(),
    )


def _nested(validated: Sequence[CrossValidation]) -> NestedCrossValidation:
    aurocs = [[fold.auroc for fold in each.folds if fold.auroc is not None] for each in validated]
    means = [float(np.mean(values)) if values else np.nan for values in aurocs]
    return NestedCrossValidation(
        auroc_per_fold=tuple(aurocs[0]),
        mean=known(means[0]),
        repeats=tuple(each.folds for each in validated),
        repeat_means=tuple(map(known, means)),
        sd_of_repeats=known(float(np.std(means, ddof=1))) if len(means) > 1 else None,
    )


def _subjects(table: Table) -> Counts:
    assert table.labels is not None
    label = dict(zip(table.subjects, table.labels.tolist(), strict=True))
    cases = sum(label.values())
    return Counts(case=cases, control=len(label) - cases)


def _ranges(table: Table) -> dict[str, tuple[float, float]]:
    inputs = column_inputs(table, table.technical_columns(), table)
    measured = {
        name.removeprefix(TECHNICAL): inputs.X[:, i]
        for i, name in enumerate(inputs.names)
        if name in table.obs  # indicators of categories have no range
    }
    if MODE in table.names:
        measured[MODE] = table.X[:, table.names.index(MODE)]
    return {
        name: (float(np.nanmin(values)), float(np.nanmax(values)))
        for name, values in measured.items()
        if np.isfinite(values).any()
    }


def portable_settings(config: Config, folder: Path) -> ExtractionSettings:
    """Return the settings for extraction, with paths relative to ``folder`` and unchanged URLs."""

    def relative(value: str | None) -> str | None:
        if value is None or "://" in value or not os.path.isabs(value):
            return value
        # The leading dot distinguishes a file from the name of a shipped build.
        return f"./{Path(os.path.relpath(value, folder)).as_posix()}"

    reference, extract, features = config.reference, config.extract, config.features
    table = features.table
    if table is not None:
        # New samples come in another table. Only the meaning of the columns is needed of this one.
        table = structs.replace(table, path=Path(table.path).name)
    return ExtractionSettings(
        seed=config.seed,
        atlas=relative(config.atlas),
        reference=structs.replace(
            reference,
            build=relative(reference.build) or reference.build,
            fasta=relative(reference.fasta),
        ),
        extract=structs.replace(
            extract, blacklist=relative(extract.blacklist), known_sites=relative(extract.known_sites)
        ),
        features=structs.replace(features, annotation=relative(features.annotation), table=table),
    )


def _protocol(
    config: Config,
    layout: Layout,
    table: Table,
    dominance: Dominance,
    absent: dict[str, Missing],
    left_out: dict[str, ColumnKnown],
) -> FrozenProtocol:
    varying = usable(table.X)
    return FrozenProtocol(
        software=__version__,
        seed=config.seed,
        outcome=dominance.outcome,
        group=dominance.group,
        groups=table.model_groups,
        features={
            group: tuple(
                name
                for name, owner, varies in zip(table.names, table.groups, varying, strict=True)
                if owner == group and varies
            )
            for group in table.study_groups
        },
        absent=absent,
        left_out=left_out,
        corrected=config.corrected,
        metrics=METRICS,
        margins=config.validation,
        mediators=tuple(config.audited("mediators")),
        priority=tuple(config.audited("priority")),
        proxy=config.proxy,
        discovery=_subjects(table),
        simulated=table.simulated,
        digests={name: digest_file(layout.file(name)) for name in FROZEN},
    )
