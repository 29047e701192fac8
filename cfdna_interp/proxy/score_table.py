"""Score the samples of a new table, whose columns have the meaning of the proxy's run."""

from __future__ import annotations

from pathlib import Path

from cfdna_interp.cohort.cells import Cells, near, parse_cell, read_cells
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.score import NAN, Measured, Scored, load_scorer, score_features


def score_table(table: Path, path: Path, *, on_bad_sample: str = "stop") -> list[Scored]:
    """Score every row of a table.

    The table needs the column of sample names and the proxy's features, with the names of the run's own
    table. Technical columns are compared with training if they are present. Labels and roles are ignored.

    Parameters
    ----------
    table
        CSV, tab-separated text, Parquet or h5ad.
    path
        ``proxy.json`` of a run from a table.
    on_bad_sample
        ``stop``: the first sample that can't be scored is an error. ``exclude``: each of them gets a reason
        instead of numbers.

    Raises
    ------
    InputError
        The proxy can't be used on a table; the table can't be read, has none of the proxy's features, or has
        a row without a unique name; with ``stop``, a feature's cell isn't a number, or a sample lacks too
        many features.
    """
    scorer = load_scorer(path, table=True)
    proxy, linear = scorer.proxy, scorer.linear
    cells = read_cells(table, "--table")
    meaning = proxy.settings.features.table
    assert meaning is not None  # checked by load_scorer
    names = _names(cells, meaning.columns.sample)
    present = [name for name in linear.names if name in cells.columns]
    if not present:
        wanted = linear.names[0]
        raise InputError(
            f"table {table}: none of the proxy's {len(linear.names)} features is a column, the first "
            f"is {wanted!r}; {near(wanted, cells.columns)}; call the columns as in the table of the run"
        )
    bad: dict[int, InputError] = {}
    X = cells.numbers(present, names, None if on_bad_sample == "stop" else bad)
    technical = {
        column: [cell if column in proxy.training_levels else parse_cell(cell) for cell in cells.text(column)]
        for column in meaning.technical
        if column in cells.columns
    }
    scored = []
    for row, name in enumerate(names):
        measured = Measured(
            features=dict(zip(present, X[row].tolist(), strict=True)),
            technical={column: values[row] for column, values in technical.items()},
            library={},
        )
        try:
            if row in bad:
                raise bad[row]
            scored.append(score_features(name, scorer, measured))
        except InputError as error:
            if on_bad_sample == "stop":
                raise
            scored.append(Scored(name, NAN, NAN, NAN, reason=str(error)))
    return scored


def _names(cells: Cells, column: str) -> list[str]:
    if column not in cells.columns:
        raise InputError(
            f"table {cells.path}: no column {column!r}; {near(column, cells.columns)}: the table of the run "
            "names its samples there"
        )
    names = cells.text(column)
    if "" in names:
        raise InputError(
            f"table {cells.path}, row {names.index('') + 1}, column {column!r}: the name is empty; give one"
        )
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in first:
            raise InputError(
                f"sample {name}: table {cells.path}, row {row + 1}: also on row {first[name] + 1}; "
                "each row needs a name of its own"
            )
        first[name] = row
    return names
