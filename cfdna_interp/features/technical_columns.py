"""Technical columns: what the laboratory did, from the quality record and from the sheet."""

from __future__ import annotations

from cfdna_interp.artifacts.sheet import MEASURED, Sample
from cfdna_interp.records.qc import SampleQuality

# How methylation is written: another aligner leaves other calls. A column where samples differ in it.
DIALECT = "dialect"


def technical_columns(sample: Sample, qc: SampleQuality) -> dict[str, float | str]:
    """Return ``technical_<name>`` -> value: numbers as float (NaN unknown), categories as text.

    Parameters
    ----------
    sample
        A row of the checked sheet.
    qc
        The sample's quality record.
    """
    columns: dict[str, float | str] = {}
    for name in MEASURED:
        value = getattr(qc.technical, name)
        columns[f"technical_{name}"] = float("nan") if value is None else float(value)
    columns[f"technical_{DIALECT}"] = qc.dialect
    for name, cell in sample.technical.items():
        columns[f"technical_{name}"] = cell
    return columns
