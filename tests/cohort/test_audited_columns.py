"""Columns that the config names for the audit have to be recorded."""

import pytest
from msgspec import structs

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.cohort.checks import check_audited
from cfdna_interp.config.settings import Config, Features
from cfdna_interp.config.table_settings import FeatureTable, TableColumns
from cfdna_interp.errors import InputError

CONFIG = Config(outdir="out", sheet="sheet.tsv")
SAMPLES = [
    Sample("S1", "P1", "a.bam", 1, "discovery", technical={"hours_to_spin": 2.0}),
    Sample("S2", "P2", "b.bam", 0, "discovery", technical={"tube": "EDTA"}),
]


@pytest.mark.parametrize("name", ["hours_to_spin", "tube", "age", "sex", "over_600bp"])
def test_what_the_sheet_and_the_alignments_record_is_known(name):
    check_audited(structs.replace(CONFIG, mediators=(name,), priority=(name,)), SAMPLES, ())


@pytest.mark.parametrize("key", ["mediators", "priority"])
def test_a_typing_error_is_named_with_the_nearest(key):
    said = rf"sheet.tsv: {key} names the column 'hours_to_spn'.*'hours_to_spin'"
    with pytest.raises(InputError, match=said):
        check_audited(structs.replace(CONFIG, **{key: ("hours_to_spn",)}), SAMPLES, ())
    with pytest.raises(InputError, match="known columns: age, "):
        check_audited(structs.replace(CONFIG, **{key: ("zzz",)}), SAMPLES, ())


def test_a_table_calls_age_and_sex_what_it_likes():
    table = FeatureTable("t.csv", {}, columns=TableColumns(age="Age at draw"), covariates=("bmi",))
    config = Config(outdir="out", features=Features(table=table), mediators=("Age at draw", "bmi"))
    assert config.audited("mediators") == ["age", "bmi"]
    check_audited(config, SAMPLES, table.covariates)
    # Of a table nothing is measured in alignments.
    with pytest.raises(InputError, match="'over_600bp'"):
        check_audited(structs.replace(config, mediators=("over_600bp",)), SAMPLES, ())
