"""The opening: only under an intact protocol, counted, repeatable, and with the right numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from frozen_run import World, copy_of, make_run
from msgspec import structs
from sklearn.metrics import roc_auc_score
from stored import stored, write_json

from cfdna_interp.artifacts.exclusions import save_exclusions
from cfdna_interp.artifacts.files import digest_file, read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import load_scores, save_scores
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.cohort.source import save_source
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.measure import HeldoutSubjects, families
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.validate import run_validate
from cfdna_interp.records.subjects import load_subjects
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Counts

WRITTEN = ("validation.json", "validation.scores.parquet", "openings.json")


def numbers(config):
    return stored(ValidationResult, config)


def number(config):
    opening = numbers(config).opening
    return opening.number, opening.exploratory


def test_auroc_of_each_score_is_scikit_learns_on_the_sheets_labels(finished):
    sheet = pd.read_csv(finished.sheet, sep="\t").set_index("sample")["label"]
    layout = Layout.of(finished.outdir)
    rows = [*load_scores(layout.scores("model")), *load_scores(layout.scores("proxy"))]
    for name in ("model", "proxy", "baseline_technical", "model_without_fragment_length"):
        chosen = [row for row in rows if row.score == name]
        expected = roc_auc_score([sheet[row.sample] for row in chosen], [row.value for row in chosen])
        assert numbers(finished).scores[name].auroc.value == pytest.approx(expected)


def test_planted_length_is_found_and_the_other_groups_are_at_chance(finished):
    # d = 2 in the latent: .92; the other groups carry nothing: .5, SD of an AUROC of 40 + 40 about .065.
    scores = numbers(finished).scores
    assert scores["model"].auroc.value == pytest.approx(0.92, abs=0.1)
    assert scores["proxy"].auroc.value == pytest.approx(0.92, abs=0.1)
    for name in ("methylation", "tissue_of_origin", "covariates"):
        assert abs(scores[f"baseline_{name}"].auroc.value - 0.5) < 0.26
    pairs = {(row.a, row.b): row for row in numbers(finished).paired}
    assert pairs["model", "model_without_fragment_length"].low > 0.02
    assert pairs["model", "model_without_methylation"].high < 0.05
    assert pairs["proxy", "baseline_methylation"].p_holm < 0.05
    assert ("proxy", "baseline_fragment_length") not in pairs
    assert numbers(finished).permutation.p == 1 / 500


def test_again_under_the_same_protocol_gives_the_same_bytes(own_copy):
    layout = Layout.of(own_copy.outdir)
    before = [digest_file(layout.file(name)) for name in WRITTEN]
    layout.file("validation.json").unlink()
    run_validate(own_copy)
    assert [digest_file(layout.file(name)) for name in WRITTEN] == before
    assert number(own_copy) == (1, False)


def test_a_second_protocol_is_exploratory_and_stays_so(own_copy):
    path = Layout.of(own_copy.outdir).file("protocol.json")
    first = path.read_bytes()
    write_json(path, read_json(path) | {"software": "0.0.0"})
    for _ in range(2):
        run_validate(own_copy)
        assert number(own_copy) == (2, True)
    # The first protocol, frozen again, is still the first.
    path.write_bytes(first)
    run_validate(own_copy)
    assert number(own_copy) == (1, False)


@pytest.mark.parametrize("name", ["scores.model.parquet", "proxy.json", "features.heldout.h5ad"])
def test_a_file_changed_after_the_freeze_stops_before_the_labels(own_copy, name):
    layout = Layout.of(own_copy.outdir)
    Path(own_copy.sheet).unlink()
    with open(layout.file(name), "ab") as handle:
        handle.write(b" ")
    with pytest.raises(InputError, match=rf"no longer matches {name}.*run the proxy stage again"):
        run_validate(own_copy)


def test_other_margins_than_the_frozen_ones_stop(own_copy):
    config = structs.replace(
        own_copy, validation=structs.replace(own_copy.validation, sufficiency_margin=0.2)
    )
    with pytest.raises(
        InputError, match="another seed, mediators, priority, or other 'validation' or 'corrected' settings"
    ):
        run_validate(config)


def test_a_sheet_that_lost_a_sample_is_named(own_copy):
    sheet = Path(own_copy.sheet)
    lines = [line for line in sheet.read_text().splitlines() if not line.startswith("H005")]
    sheet.write_text("\n".join(lines) + "\n")
    save_source(own_copy)  # as if `cohort` alone had been run again
    with pytest.raises(InputError, match=r"sample H005: .*no longer holds it"):
        run_validate(own_copy)


def test_labels_of_another_sheet_than_the_cohorts_are_not_opened(own_copy):
    sheet, openings = Path(own_copy.sheet), Layout.of(own_copy.outdir).file("openings.json")
    before = openings.read_bytes()
    rows = pd.read_csv(sheet, sep="\t")
    rows.loc[rows.role == "heldout", "label"] = 1 - rows.label
    rows.to_csv(sheet, sep="\t", index=False)
    with pytest.raises(InputError, match=r"sheet\.tsv has changed since the cohort stage read it"):
        run_validate(own_copy)
    assert openings.read_bytes() == before


def test_who_went_is_told_where_one_held_out_class_is_left(own_copy):
    layout = Layout.of(own_copy.outdir)
    sheet = Path(own_copy.sheet)
    rows = pd.read_csv(sheet, sep="\t")
    rows.loc[rows.role == "heldout", "label"] = 1
    gone = Sample("H999", "P999", "h999.bam", None, "heldout")
    # The sheet has both classes: the only control is the one who went.
    control = (
        rows[rows.role == "heldout"].tail(1).assign(sample="H999", subject="P999", bam="h999.bam", label=0)
    )
    rows = pd.concat([rows, control])
    rows.to_csv(sheet, sep="\t", index=False)
    save_exclusions([(gone, "it has no reads")], layout.file("exclusions.tsv"))
    save_source(own_copy)
    with pytest.raises(InputError) as caught:
        run_validate(own_copy)
    assert "all of one class" in caught.value.mistakes[0]
    assert caught.value.mistakes[1:] == ("excluded: sample H999: it has no reads",)


def test_several_samples_of_a_subject_are_averaged_first(tmp_path):
    config = make_run(tmp_path / "run", World(per_class=20, samples_per_subject=2))
    run_proxy(config)
    run_validate(config)
    layout = Layout.of(config.outdir)
    path = layout.file("validation.scores.parquet")
    subjects = load_subjects(path, numbers(config).opening).set_index("subject")
    assert numbers(config).n == Counts(case=20, control=20)
    rows = pd.DataFrame([vars(row) for row in load_scores(layout.scores("model"))])
    means = rows[rows.score == "model"].groupby("subject")["value"].mean()
    np.testing.assert_allclose(subjects["model"], means[subjects.index])
    labels = pd.read_csv(config.sheet, sep="\t").drop_duplicates("subject").set_index("subject")["label"]
    assert (subjects["label"] == labels[subjects.index]).all()
    assert {"site", "batch", "age", "sex", "technical_fragments", "proxy"} <= set(subjects.columns)


def test_scores_and_matrix_of_other_samples_stop(finished, tmp_path):
    config = copy_of(finished, tmp_path / "other")
    layout = Layout.of(config.outdir)
    rows = load_scores(layout.scores("model"))
    save_scores([row for row in rows if row.sample != "H001"], layout.scores("model"))
    run_proxy(config)
    with pytest.raises(InputError, match="sample H001: score 'model'"):
        run_validate(config)


def cohort(labels, batches, **scores):
    subjects = tuple(f"P{i}" for i in range(len(labels)))
    return HeldoutSubjects(subjects, np.array(labels), tuple(batches), scores, None)


def test_other_mediators_than_the_frozen_ones_stop(own_copy):
    for name in ("mediators", "priority"):
        with pytest.raises(InputError, match="frozen with another seed, mediators, priority"):
            run_validate(structs.replace(own_copy, **{name: ("tube",)}))


def test_families_of_comparisons():
    scores = ["model", "proxy", "model_without_a", "model_without_b", "baseline_a", "baseline_b"]
    assert families(scores, "a") == [
        [("model", "model_without_a"), ("model", "model_without_b")],
        [("model", "proxy")],
        [("proxy", "baseline_b")],
        [("model", "baseline_b")],
    ]
    assert families(["model", "model_without_a", "baseline_a"], None) == [
        [("model", "model_without_a")],
        [("model", "baseline_a")],
    ]
