from __future__ import annotations

from dataclasses import replace

import anndata
import numpy as np
import pytest
from msgspec import structs
from quality import EXCLUDED, quality

from cfdna_interp.artifacts.features import Feature, save_features
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample, save_samples
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.features.matrix import write_matrices
from cfdna_interp.records.base import save_record
from cfdna_interp.records.qc import Technical


def sample(name, role, label, **changes):
    return Sample(name, f"P{name}", f"/x/{name}.bam", label, role, batch="b1", age=60.0, **changes)


COHORT = [
    sample("A", "discovery", 1, technical={"kit": "k1", "input_ng": 5.0}),
    sample("B", "discovery", 0, technical={"input_ng": 6.0}),
    sample("C", "heldout", None, technical={"kit": "k2"}),
    sample("D", "heldout", None),
]

# As many of each class in discovery as there are folds.
ENOUGH = [*COHORT, *(sample(f"{name}{label}", "discovery", label) for name in "FGHI" for label in (0, 1))]
ONES = ("F1", "G1", "H1", "I1")

FEW_WORDS = "9 fragments are fewer than extract.min_fragments (10)"


def prepare(tmp_path, cohort=COHORT, bad=(), on_bad_sample="stop", dialects=None):
    layout = Layout.of(tmp_path)
    for role in ("discovery", "heldout"):
        save_samples([s for s in cohort if s.role == role], layout.samples(role))
    for number, member in enumerate(cohort):
        excluded = member.sample in bad
        record = quality(
            member.sample,
            **(EXCLUDED if excluded else {}),
            dialect=(dialects or {}).get(member.sample, "xm"),
        )
        save_record(record, layout.qc(member.sample))
        features = [
            Feature("f1", "fragment_length", number, "bp", 10, "one"),
            Feature("f2", "coverage", float("nan"), "share", 10, "two"),
        ]
        if member.sample == "B":
            features.append(Feature("f3", "end_motif", 7.0, "share", 10, "three"))
        if member.role == "heldout":
            features.append(Feature("only_heldout", "end_motif", 7.0, "share", 10, "four"))
        save_features([] if excluded else features, layout.features(member.sample))
    return Config(sheet="s.tsv", outdir=str(tmp_path), on_bad_sample=on_bad_sample)


def test_contract(tmp_path):
    write_matrices(prepare(tmp_path))
    discovery = anndata.read_h5ad(tmp_path / "features.discovery.h5ad")
    heldout = anndata.read_h5ad(tmp_path / "features.heldout.h5ad")
    np.testing.assert_array_equal(discovery.X, [[0, np.nan, np.nan], [1, np.nan, 7]])
    np.testing.assert_array_equal(heldout.X, [[2, np.nan, np.nan], [3, np.nan, np.nan]])
    assert discovery.X.dtype == np.float64
    assert list(discovery.obs_names) == ["A", "B"]
    assert list(heldout.obs_names) == ["C", "D"]
    assert list(discovery.var_names) == list(heldout.var_names) == ["f1", "f2", "f3"]
    assert discovery.var.loc["f3"].to_dict() == {"group": "end_motif", "unit": "share", "definition": "three"}
    assert discovery.obs["label"].tolist() == [1, 0]
    assert "label" not in heldout.obs
    # Sites, sex and conversion are missing everywhere and left out; the rest is in both files.
    technical = {f"technical_{name}" for name in Technical.__struct_fields__ if name != "conversion"}
    wanted = {"subject", "batch", "age", "technical_kit", "technical_input_ng", *technical}
    assert set(heldout.obs) == wanted
    assert set(discovery.obs) == {*wanted, "label"}
    assert discovery.obs["technical_kit"].tolist() == ["k1", ""]
    np.testing.assert_array_equal(discovery.obs["technical_input_ng"], [5, 6])
    np.testing.assert_array_equal(heldout.obs["technical_input_ng"], [np.nan, np.nan])
    assert bool(discovery.uns["simulated"]) is True
    assert (tmp_path / "exclusions.tsv").read_text() == "sample\tsubject\trole\tlabel\tbatch\treason\n"


def test_same_bytes_again(tmp_path):
    config = prepare(tmp_path)
    names = ("features.discovery.h5ad", "features.heldout.h5ad", "exclusions.tsv")
    write_matrices(config)
    first = [(tmp_path / name).read_bytes() for name in names]
    write_matrices(config)
    assert [(tmp_path / name).read_bytes() for name in names] == first


def test_a_bad_sample_stops(tmp_path):
    with pytest.raises(
        InputError, match=r"^sample C: C\.bam: 9 fragments are fewer .*; drop .*on_bad_sample: exclude"
    ):
        write_matrices(prepare(tmp_path, bad=("C",)))
    assert not list(tmp_path.glob("features.*.h5ad"))


def test_a_bad_sample_is_listed(tmp_path):
    more = [*ENOUGH, sample("E", "discovery", 1)]
    write_matrices(prepare(tmp_path, more, bad=("C", "E"), on_bad_sample="exclude"))
    assert list(anndata.read_h5ad(tmp_path / "features.heldout.h5ad").obs_names) == ["D"]
    lines = (tmp_path / "exclusions.tsv").read_text().splitlines()[1:]
    # The held-out label is not for this stage's eyes.
    assert lines == [
        f"E\tPE\tdiscovery\t1\tb1\t{FEW_WORDS}",
        f"C\tPC\theldout\t\tb1\t{FEW_WORDS}",
    ]


def test_nobody_left(tmp_path):
    with pytest.raises(InputError, match="no heldout sample is left"):
        write_matrices(prepare(tmp_path, bad=("C", "D"), on_bad_sample="exclude"))
    with pytest.raises(InputError, match="0 discovery subjects with label 1 are left"):
        write_matrices(prepare(tmp_path, ENOUGH, bad=("A", *ONES), on_bad_sample="exclude"))


def test_who_went_and_why_is_told_where_too_few_are_left(tmp_path):
    with pytest.raises(InputError) as caught:
        write_matrices(prepare(tmp_path, ENOUGH, bad=("B", "C", "G0"), on_bad_sample="exclude"))
    # C is of the other role.
    assert caught.value.mistakes == (
        "3 discovery subjects with label 0 are left after exclusions, too few for 5 folds; mend the excluded "
        "samples or add subjects, or lower model.folds",
        f"excluded: sample B: B.bam: {FEW_WORDS}",
        f"excluded: sample G0: G0.bam: {FEW_WORDS}",
    )
    assert not list(tmp_path.glob("features.*.h5ad"))
    # Two samples of one person are one subject.
    twice = [*ENOUGH, replace(sample("E", "discovery", 0), subject="PG0")]
    write_matrices(prepare(tmp_path / "twice", twice, bad=("E",), on_bad_sample="exclude"))
    with pytest.raises(InputError, match="4 discovery subjects with label 0"):
        write_matrices(prepare(tmp_path / "one", twice, bad=("B",), on_bad_sample="exclude"))


def test_donor_pools_need_people_too(tmp_path):
    config = prepare(tmp_path, ENOUGH, bad=("B",), on_bad_sample="exclude")
    config = structs.replace(config, model=structs.replace(config.model, folds=4))
    with pytest.raises(InputError) as caught:
        write_matrices(config)
    # Nine people are left, and five pools of two need ten.
    first, went = caught.value.mistakes
    assert first.startswith("9 discovery subjects are left after exclusions, too few for 5 donor pools")
    assert went == f"excluded: sample B: B.bam: {FEW_WORDS}"


def test_of_many_who_went_twenty_are_named(tmp_path):
    many = [*COHORT, *(sample(f"S{i:02}", "discovery", i % 2) for i in range(60))]
    bad = tuple(f"S{i:02}" for i in range(1, 60, 2))  # all 30 with label 1
    with pytest.raises(InputError) as caught:
        write_matrices(prepare(tmp_path, many, bad=bad, on_bad_sample="exclude"))
    assert [line.split(": ")[1] for line in caught.value.mistakes[1:]] == [
        f"sample {name}" for name in bad[:20]
    ]
    assert caught.value.untold == 10
    assert str(caught.value).endswith("... and 10 more")


def test_how_methylation_is_written_is_technical_where_it_differs(tmp_path):
    write_matrices(prepare(tmp_path / "same"))
    same = anndata.read_h5ad(tmp_path / "same" / "features.discovery.h5ad")
    assert "technical_dialect" not in same.obs
    write_matrices(prepare(tmp_path / "two", dialects={"B": "reference"}))
    two = anndata.read_h5ad(tmp_path / "two" / "features.discovery.h5ad")
    assert two.obs["technical_dialect"].tolist() == ["xm", "reference"]


def test_a_column_of_numbers_and_words_becomes_text(tmp_path):
    cohort = [replace(s, technical={"plate": 1.0 if s.sample == "A" else "two"}) for s in COHORT]
    write_matrices(prepare(tmp_path, cohort))
    assert anndata.read_h5ad(tmp_path / "features.discovery.h5ad").obs["technical_plate"].tolist() == [
        "1.0",
        "two",
    ]
