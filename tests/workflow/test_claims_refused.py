"""Cohorts whose labels are noise and whose numbers look well: the verdict names what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from test_table_run import read, run_here, write_settings

from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record
from cfdna_interp.records.verdict import Verdict
from cfdna_interp.verdict.claim_words import claim_words


def noise(folder: Path, *, subjects: int = 50) -> pd.DataFrame:
    """Return 24 columns of pure noise in both roles, with labels of a coin."""
    rng = np.random.default_rng(21)
    n = 2 * subjects
    columns: dict[str, object] = {
        "sample": [f"S{i:03d}" for i in rng.permutation(n)],
        "role": ["discovery"] * subjects + ["heldout"] * subjects,
        "label": np.concatenate([rng.permutation(np.tile([0, 1], subjects // 2)) for _ in range(2)]),
        "site": rng.choice(["A", "B"], n),
    }
    for group in ("length", "methylation", "motif"):
        columns |= {f"{group}_{i}": rng.normal(size=n) for i in range(8)}
    return pd.DataFrame(columns)


def finish(
    folder: Path,
    table: pd.DataFrame,
    *,
    age: str | None = None,
    technical: tuple[str, ...] = (),
    **settings: object,
) -> Path:
    path = folder / "cohort.parquet"
    table.to_parquet(path, index=False)
    config = write_settings(folder, path, "results")
    made = yaml.safe_load(config.read_text()) | settings
    made["features"]["table"]["columns"]["age"] = age
    made["features"]["table"]["technical"] = list(technical)
    config.write_text(yaml.safe_dump(made))
    run_here(config)
    return folder / "results"


def test_renamed_discovery_people_are_no_held_out_cohort(tmp_path: Path) -> None:
    table = noise(tmp_path)
    half = len(table) // 2
    kept = ["sample", "role"]
    for name in table.columns.difference(kept):
        table.loc[half:, name] = table.loc[: half - 1, name].to_numpy()
    results = finish(tmp_path, table)
    verdict = load_record(Verdict, results / Verdict.FILE)
    # The model has seen these people: noise is told apart.
    assert read(results, "validation.json")["scores"]["model"]["auroc"]["value"] > 0.75
    assert verdict.headline is None
    assert (verdict.rungs[0].status, verdict.rungs[0].word) == ("can't tell", "can't tell: leak")
    assert "50 of 50 held-out subjects are near-duplicates of discovery subjects" in verdict.sentences[1]
    assert "near-duplicates of discovery subjects" in (results / "report.html").read_text()


def test_labels_that_had_a_part_in_the_values_refuse_every_rung(tmp_path: Path) -> None:
    table = noise(tmp_path)
    features = [name for name in table if name.startswith(("length_", "methylation_", "motif_"))]
    # What ComBat does with the label among its covariates: batches are centred around the means of the
    # labels, taken over both roles.
    for name in features:
        means = table.groupby("label")[name].transform("mean")
        table[name] = means + 0.5 * (table[name] - table.groupby(["label", "site"])[name].transform("mean"))
    corrected = {"how": "with labels", "by": "ComBat", "over": "both roles"}
    results = finish(tmp_path, table, corrected=corrected)
    verdict = load_record(Verdict, results / Verdict.FILE)
    assert {(rung.status, rung.word) for rung in verdict.rungs} == {("refused", "corrected with labels")}
    assert verdict.headline is None
    assert "nothing can be said of the model" in verdict.sentences[0]
    assert read(results, "protocol.json")["corrected"] == corrected
    # Noise looks like a signal all the same.
    assert read(results, "validation.json")["scores"]["model"]["auroc"]["low"] > 0.5


def follow(table: pd.DataFrame, column: np.ndarray, seed: int) -> None:
    """Let the length features follow a column, and nothing else."""
    rng = np.random.default_rng(seed)
    for name in [name for name in table if name.startswith("length_")]:
        table[name] = column + rng.normal(size=len(table))


def test_a_model_of_age_is_told_to_be_one(tmp_path: Path) -> None:
    table = noise(tmp_path, subjects=100)
    years = 1.2 * table["label"].to_numpy() + np.random.default_rng(1).normal(size=len(table))
    follow(table, years, 2)
    results = finish(tmp_path, table.assign(age=65 + 8 * years), age="age")
    rungs = {rung.rung: rung for rung in load_record(Verdict, results / Verdict.FILE).rungs}
    assert rungs["L0"].status == "earned"
    assert rungs["L5"].status == "refused" and rungs["L5"].word in ("attenuated", "confounded")
    person = claim_words(load_record(Audit, results / Audit.FILE).person)
    assert "with age held" in person and "covariates alone reach" in person
    assert "No rung is broken" not in (results / "report.html").read_text()


def test_hours_within_sites_are_told_to_be_handling(tmp_path: Path) -> None:
    table = noise(tmp_path, subjects=100)
    hours = 1.4 * table["label"].to_numpy() + np.random.default_rng(3).normal(size=len(table))
    follow(table, hours, 4)
    results = finish(tmp_path, table.assign(hours=np.exp(hours)), technical=("hours",))
    rungs = {rung.rung: rung for rung in load_record(Verdict, results / Verdict.FILE).rungs}
    assert rungs["L4"].status == "refused" and rungs["L4"].word in ("attenuated", "handling")
    assert "hours" in load_record(Audit, results / Audit.FILE).handling.held
