from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from cfdna_interp.artifacts.columns import number_column, text_column

KINDS = [pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_numbers_are_those_of_arrow(kind):
    values = np.array([0, 1, 127, 3])[::-1]  # not contiguous
    assert number_column(values, kind).equals(pa.array(values.tolist(), kind))
    assert number_column([], kind).equals(pa.array([], kind))


def test_missing_numbers_stay_nan():
    column = number_column([1.5, float("nan")], pa.float64())
    assert column.null_count == 0
    assert np.isnan(column.to_pylist()[1])


def test_texts_are_those_of_arrow():
    for values in (["a", "", "µ–é", "chr1"], [], [""]):
        assert text_column(values).equals(pa.array(values, pa.string()))


def test_pandas_stays_out():
    code = (
        "import sys, numpy, pyarrow\n"
        "from cfdna_interp.artifacts.columns import number_column, text_column\n"
        "numbers = number_column(numpy.arange(3), pyarrow.int32())\n"
        "pyarrow.table({'a': numbers, 'b': text_column(['x', 'y', 'z'])})\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
