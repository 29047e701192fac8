"""Stage ``validate``: open the held-out labels under a frozen protocol and measure every frozen score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cfdna_interp.artifacts.exclusions import load_exclusions
from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table, load_table
from cfdna_interp.artifacts.predictions import SURROGATE, load_scores
from cfdna_interp.cohort.source import check_source
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError, error_with_reasons
from cfdna_interp.proxy.measure import BASELINE, HeldoutSubjects, measure
from cfdna_interp.proxy.openings import record_opening
from cfdna_interp.proxy.repeated import Discovery, load_discovery
from cfdna_interp.proxy.subgroups import covariates_of
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.openings import Opening
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.subjects import save_subjects
from cfdna_interp.records.validation import ValidationResult


def run_validate(config: Config) -> Opening:
    """Write ``validation.json`` and ``validation.scores.parquet``; record the opening in ``openings.json``.

    Returns
    -------
    The opening of the held-out labels.

    Raises
    ------
    InputError
        A frozen file no longer matches the protocol, or the sheet or table differs from what earlier stages
        read or no longer matches the frozen scores.
    """
    layout = Layout.of(config.outdir)
    protocol = load_record(FrozenProtocol, layout.file(FrozenProtocol.FILE))
    check_protocol(layout, protocol, config)
    table = load_table(layout.matrix("heldout"))
    scores = _subject_scores(layout, table)
    discovery = load_discovery(layout)
    check_source(config)
    # The labels are checked before the opening is recorded, so that a typing error costs no opening. The
    # opening is recorded before anything is measured, because a run that fails afterwards has opened the
    # labels too.
    labels = _read_labels(config, table)
    opening = record_opening(layout, labels)
    cohort = _cohort(table, labels, scores, protocol.group, discovery)
    result = measure(cohort, config, opening=opening, discovery=protocol.discovery, simulated=table.simulated)
    save_subjects(_columns(table, cohort), opening, layout.file("validation.scores.parquet"))
    save_record(result, layout.file(ValidationResult.FILE))
    return opening


def check_protocol(layout: Layout, protocol: FrozenProtocol, config: Config) -> None:
    """Raise ``InputError`` unless frozen files, seed, margins and columns are those of the protocol."""
    frozen = (
        protocol.seed, protocol.margins, protocol.mediators, protocol.priority, protocol.corrected
    )  # fmt: skip
    audited = (tuple(config.audited(key)) for key in ("mediators", "priority"))
    if frozen != (config.seed, config.validation, *audited, config.corrected):
        raise InputError(
            f"{layout.file(FrozenProtocol.FILE)} was frozen with another seed, mediators, priority, or other "
            "'validation' or 'corrected' settings; set them back, or run the proxy stage again"
        )
    for name, digest in sorted(protocol.digests.items()):
        path = layout.file(name)
        if not path.is_file() or digest_file(path) != digest:
            raise InputError(
                f"{layout.file(FrozenProtocol.FILE)} no longer matches {name}, which changed after the "
                "protocol was frozen; run the proxy stage again"
            )


def _subject_scores(layout: Layout, table: Table) -> dict[str, np.ndarray]:
    subjects = sorted(set(table.subjects))
    position = {subject: i for i, subject in enumerate(subjects)}
    owner = dict(zip(table.samples, table.subjects, strict=True))
    logits: dict[str, dict[str, float]] = {}
    for writer in ("model", "proxy"):
        for row in load_scores(layout.scores(writer)):
            logits.setdefault(row.score, {})[row.sample] = row.value
    result = {}
    for score, values in logits.items():
        if set(values) != set(owner):
            wrong = sorted(set(values) ^ set(owner))[0]
            raise InputError(
                f"sample {wrong}: score {score!r} and {layout.matrix('heldout')} do not hold the same "
                "samples; run the train and proxy stages again"
            )
        sums, counts = np.zeros(len(subjects)), np.zeros(len(subjects))
        for sample, value in values.items():
            sums[position[owner[sample]]] += value
            counts[position[owner[sample]]] += 1
        result[score] = sums / counts
    if "model" not in result:
        raise InputError(f"{layout.scores('model')} has no score 'model'; run the train stage again")
    first = ["model", SURROGATE, "proxy", *(BASELINE + group for group in table.study_groups)]
    ranked = {name: i for i, name in enumerate(first)}
    return {name: result[name] for name in sorted(result, key=lambda n: (ranked.get(n, len(ranked)), n))}


def _read_labels(config: Config, table: Table) -> dict[str, int]:
    # The import is here, in the only function that uses held-out labels. Earlier stages parse and check the
    # whole sheet or table, but write nothing of these labels.
    from cfdna_interp.cohort.read import read_cohort

    known = {sample.sample: sample for sample in read_cohort(config)}
    labels: dict[str, int] = {}
    for name, subject in zip(table.samples, table.subjects, strict=True):
        sample = known.get(name)
        if sample is None or sample.label is None or sample.role != "heldout" or sample.subject != subject:
            raise InputError(
                f"sample {name}: {config.source} no longer holds it as a held-out sample of subject "
                f"{subject} with a label; run the workflow again from there"
            )
        labels[subject] = sample.label
    if len(set(labels.values())) < 2:
        rows = load_exclusions(Layout.of(config.outdir).file("exclusions.tsv"))
        raise error_with_reasons(
            f"{config.source}: the held-out subjects that were kept are all of one class; "
            "mend the excluded samples, or add subjects of the other class",
            [
                f"excluded: sample {row['sample']}: {row['reason']}"
                for row in rows
                if row["role"] == "heldout"
            ],
        )
    return labels


def _cohort(
    table: Table,
    labels: dict[str, int],
    scores: dict[str, np.ndarray],
    group: str | None,
    discovery: Discovery,
) -> HeldoutSubjects:
    subjects = tuple(sorted(labels))
    batches: dict[str, set[str]] = {}
    for subject, batch in zip(table.subjects, table.text("batch"), strict=True):
        batches.setdefault(subject, set()).add(batch)
    return HeldoutSubjects(
        subjects=subjects,
        labels=np.array([labels[subject] for subject in subjects]),
        batches=tuple(next(iter(batches[s])) if len(batches[s]) == 1 else "" for s in subjects),
        scores=scores,
        group=group,
        covariates=covariates_of(table, subjects),
        discovery=discovery,
    )


def _columns(table: Table, cohort: HeldoutSubjects) -> dict[str, Sequence[object]]:
    first = {subject: i for i, subject in reversed(list(enumerate(table.subjects)))}
    rows = [first[subject] for subject in cohort.subjects]
    sites = table.text("site")
    # Covariates and technical columns of a subject are those of its first sample.
    columns: dict[str, Sequence[object]] = {
        "subject": cohort.subjects,
        "label": cohort.labels.tolist(),
        "site": [sites[row] for row in rows],
        "batch": cohort.batches,
    }
    for name in (*table.covariate_columns(), *table.technical_columns()):
        if name != "sex" and table.obs[name].dtype.kind in "iuf":
            columns[name] = table.obs[name].to_numpy(dtype=np.float64)[rows].tolist()
        else:
            cells = table.text(name)
            columns[name] = [cells[row] for row in rows]
    return columns | {name: values.tolist() for name, values in cohort.scores.items()}
