"""The checked sheet comes back as it was, missing values and categories that look like numbers included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.artifacts.sheet import COLUMNS, Sample, load_samples, save_samples
from cfdna_interp.errors import InputError

words = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), min_size=1, max_size=6)
finite = st.floats(allow_nan=False, allow_infinity=False)
samples = st.builds(
    Sample,
    sample=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True),
    subject=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True),
    bam=words.filter(lambda path: "://" not in path),
    label=st.sampled_from([0, 1, None]),
    role=st.sampled_from(["discovery", "heldout"]),
    site=st.just("") | words,
    batch=st.just("") | words,
    age=st.none() | st.floats(0, 120),
    sex=st.sampled_from(["F", "M", ""]),
    # A column has one kind of value: `read_sheet` sees to it.
    technical=st.fixed_dictionaries(
        {}, optional={"hours_to_spin": finite, "kit": words, "plate": st.sampled_from(["1", "2", "A", "1e3"])}
    ),
)


@given(cohort=st.lists(samples, max_size=5))
def test_what_is_saved_is_loaded(tmp_path_factory, cohort):
    path = tmp_path_factory.mktemp("sheet") / "discovery.tsv"
    save_samples(cohort, path)
    loaded = load_samples(path)
    assert loaded == cohort
    for before, after in zip(cohort, loaded, strict=True):
        types = {name: type(value) for name, value in before.technical.items()}
        assert {name: type(value) for name, value in after.technical.items()} == types


def test_no_sample_is_a_header(tmp_path):
    save_samples([], tmp_path / "s.tsv")
    assert (tmp_path / "s.tsv").read_text() == "\t".join(COLUMNS) + "\n"
    assert load_samples(tmp_path / "s.tsv") == []


def test_a_label_that_is_not_for_the_readers_eyes_leaves_no_trace(tmp_path):
    save_samples([Sample("S1", "P1", "/a.bam", None, "heldout")], tmp_path / "s.tsv")
    cells = (tmp_path / "s.tsv").read_text().splitlines()[1].split("\t")
    assert cells == ["S1", "P1", "/a.bam", "", "", "heldout"] + [""] * (len(COLUMNS) - 6)


def test_a_signature_is_not_written(tmp_path):
    address, index = "https://me:s3cret@h/a.bam?signature=s3cret", "https://h/a.bam.bai?signature=s3cret"
    save_samples([Sample("S1", "P1", address, 1, "discovery", index=index)], tmp_path / "s.tsv")
    assert "s3cret" not in (tmp_path / "s.tsv").read_text()
    (loaded,) = load_samples(tmp_path / "s.tsv")
    assert (loaded.bam, loaded.index) == ("https://h/a.bam", "https://h/a.bam.bai")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"sample\tsubject\nS1\tP1\n",
        b"\xff\xfe",
        ("\t".join(COLUMNS) + "\nS1\tP1\n").encode(),
        ("\t".join(COLUMNS) + "\nS1\tP1\ta.bam\tcase\tdiscovery\t\t\t\t\n").encode(),
        ("\t".join(COLUMNS) + "\nS1\tP1\ta.bam\t1\tdiscovery\t\t\t\t\tmore\n").encode(),
        (
            "\t".join((*COLUMNS, "technical:hours")) + "\nS1\tP1\ta.bam\t1\tdiscovery" + 8 * "\t" + "1"
        ).encode(),
    ],
)
def test_damage_is_named(tmp_path, content):
    path = tmp_path / "discovery.tsv"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"discovery\.tsv is not a checked sheet .*; run the cohort stage again"
    ):
        load_samples(path)


def test_a_missing_file_names_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv cannot be read .*; run the cohort stage first"):
        load_samples(tmp_path / "none.tsv")
