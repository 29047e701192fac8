"""Sentences of templates and the checklist, each on a finished page that says it and on one that does not."""

from __future__ import annotations

from sentence import Sentence

TEST = "tests/report/test_sentences.py::test_a_page_says_so_only_where_it_is_true"
SECTIONS = "cfdna_interp/report/templates/sections"
ANSWERS = "cfdna_interp/report/answers.py"
SIMULATED, BARE, TABLE = "simulated_run", "bare_run", "table_run"
# Fixtures: a simulated run with a named group; one of people, without a group, nested; one from a table.
RUNS = {SIMULATED: "the simulated run", BARE: "the run without a group", TABLE: "the run from a table"}
# Key, words, file, the runs whose page says them and doesn't.
ROWS = (
    (
        "simulated",
        "Nothing on this page is about patients.",
        "cfdna_interp/report/templates/report.html",
        SIMULATED,
        BARE,
    ),
    (
        "table",
        "there are no fragments, so lengths, methylation calls",
        "cfdna_interp/report/templates/report.html",
        TABLE,
        SIMULATED,
    ),
    ("no maps", "No maps were made in this run.", f"{SECTIONS}/attribution_maps.html", BARE, SIMULATED),
    (
        "not applicable",
        "What was asked for and does not apply:",
        f"{SECTIONS}/attribution_interventions.html",
        BARE,
        SIMULATED,
    ),
    (
        "no probes",
        "The settings leave out the probes.",
        f"{SECTIONS}/representation_probes.html",
        BARE,
        SIMULATED,
    ),
    (
        "no curve",
        "The curve of mean embeddings by length can't be told",
        f"{SECTIONS}/representation_curve.html",
        BARE,
        SIMULATED,
    ),
    ("no adjusted effects", "not estimable:", f"{SECTIONS}/audit_adjusted.html", BARE, SIMULATED),
    ("no covariates", "Covariates: no baseline", f"{SECTIONS}/audit.html", BARE, SIMULATED),
    ("L4 would be decided", "L4 (can't tell). What would decide:", f"{SECTIONS}/audit.html", BARE, SIMULATED),
    (
        "excluded",
        "1 excluded before any model was fitted",
        f"{SECTIONS}/excluded.html",
        BARE,
        SIMULATED,
    ),
    ("ages not known", "ages are not known", ANSWERS, BARE, SIMULATED),
    ("ages", "age 4… to … years", ANSWERS, SIMULATED, BARE),
    ("made by a program", "made by a program", ANSWERS, SIMULATED, BARE),
    ("nothing to score with", "no new sample can be scored: there is no proxy", ANSWERS, BARE, SIMULATED),
    ("scored", "cfdna-interp score applies it", ANSWERS, SIMULATED, BARE),
    ("source", "a table of features,", ANSWERS, TABLE, SIMULATED),
)
PAGES = {f"page: {key}": (true, false) for key, _, _, true, false in ROWS}
SENTENCES = tuple(
    Sentence(f"page: {key}", words, made, RUNS[true], RUNS[false], test=TEST)
    for key, words, made, true, false in ROWS
)
