"""Sentences on the model under study, what its embeddings hold, hypotheses, and the study itself."""

from __future__ import annotations

import msgspec
from fake_representation import funnel, geometry, length_curve
from fake_run import CAUSAL, encoder_record
from frozen_run import dominance
from made_dominance import rival
from msgspec.structs import replace
from quality import FEW_BLOCKS, tissue
from sentence import Build, Sentence
from test_hypotheses import rows_of, undecided
from test_report_marks import opened
from test_report_model import FIDELITY
from test_report_table import table_model
from test_report_tissue import one, said

from cfdna_interp.records.geometry import BendFinding, PeriodFinding
from cfdna_interp.records.openings import LABELS
from cfdna_interp.records.retraining import Rival, SurrogateFidelity
from cfdna_interp.report.features import feature_notes
from cfdna_interp.report.length_curve import curve_sentences
from cfdna_interp.report.losses import SampleLosses, losses_sentence
from cfdna_interp.report.marks import lock_changes, lock_sentence, page_marks
from cfdna_interp.report.model import KINDS, TABLE_KINDS, describe_model


def model(kind: str, fidelity: SurrogateFidelity | None = None, **changed: object) -> Build:
    return lambda: " ".join(describe_model(encoder_record(kind, **changed), fidelity).sentences)


def causal(**reached: object) -> Build:
    record = encoder_record("causal", causal=msgspec.structs.replace(CAUSAL, **reached))
    return lambda: " ".join(describe_model(record, None).sentences)


def table(rivals: tuple[Rival, ...] = (), **changed: object) -> Build:
    return lambda: " ".join(describe_model(table_model(**changed), None, rivals).sentences)


def curve(part: str = "bend", *, mode: int = 167, gone: bool = False, **change: object) -> Build:
    """Return the sentences of the made-up length curve, one of its parts changed."""

    def build() -> str:
        record = length_curve()
        changed = None if gone else replace(getattr(record, part), **change)
        told = replace(geometry(), mode=mode, curve=replace(record, **{part: changed}))
        return " ".join(f"{name}: {sentence}" for name, sentence in curve_sentences(told))

    return build


def hypothesis(names: dict[str, float], group: str = "fragment_length", **changes: object) -> Build:
    return lambda: " ".join(
        f"{row.statement} {row.replication}" for row in rows_of(names, group, **changes)[1:]
    )


def nobody(**changes: object) -> Build:
    return lambda: undecided(dominance("none"), **changes).statement


def lock(number: int, changed: tuple[str, ...] | None = ("seed",)) -> Build:
    opening = opened(number, changed)
    return lambda: " ".join(
        [lock_sentence(opening), lock_changes(opening), *page_marks(opening, simulated=False)]
    )


def simulated(*, made: bool) -> Build:
    return lambda: " ".join(page_marks(opened(1), simulated=made))


MODEL, CURVE = "cfdna_interp/report/model.py", "cfdna_interp/report/length_curve.py"
HYPOTHESES, MARKS = "cfdna_interp/verdict/hypotheses.py", "cfdna_interp/report/marks.py"
TABLE = "tests/report/test_report_table.py"
CHECKLIST, ANSWERS = "tests/report/test_report_checklist.py", "cfdna_interp/report/answers.py"
METHODS = "cfdna_interp/report/methods.py"


def row(
    key: str,
    words: str,
    made: str,
    printed: str,
    absent: str,
    true: Build | None = None,
    false: Build | None = None,
    test: str = "",
) -> Sentence:
    return Sentence(key, words, made, printed, absent, true, false, test)


KIND_WORDS = tuple(
    row(f"model: {kind}", words, MODEL, "the encoder is of this kind", "it is of another",
        model(kind), model("causal" if kind != "causal" else "reference"))
    for kind, words in KINDS.items()
) + tuple(
    row(f"model: {kind}", words, MODEL, "the table's model is of this kind", "it is of the other",
        table(kind=kind), table(kind="scores" if kind != "scores" else "logistic"))
    for kind, words in TABLE_KINDS.items()
)  # fmt: skip
MODELS = (
    row(
        "model: blind",
        "It doesn't read fragment length",
        MODEL,
        "lengths are not among its inputs",
        "they are",
        model("transformers", consumes=("methylation", "tissue_of_origin")),
        model("reference"),
    ),
    row(
        "model: one length",
        "All fragments have the same length or the same number of tokens",
        MODEL,
        "tokens don't vary",
        "they do",
        causal(length_tokens=None),
        causal(),
    ),
    row(
        "model: no calls",
        "methylated calls don't vary",
        MODEL,
        "no methylation was read",
        "it was",
        causal(methylated_tokens=None),
        causal(),
    ),
    row(
        "model: entangled",
        "the two are partly one thing",
        MODEL,
        "tokens follow length and calls",
        "no methylation was read",
        causal(),
        causal(methylated_tokens=None),
    ),
    row(
        "surrogate: stands in",
        "may be read as carrying the model's",
        MODEL,
        "lower bound of fidelity .90",
        ".89",
        model("table", FIDELITY),
        model("table", replace(FIDELITY, judged_low=0.89)),
    ),
    row(
        "surrogate: doesn't",
        "needn't carry the model's, so no group is named",
        MODEL,
        "lower bound .89",
        ".90",
        model("table", replace(FIDELITY, judged_low=0.89)),
        model("table", FIDELITY),
    ),
    row(
        "surrogate: saturated",
        "Of 7 of them the score is a probability of 0 or 1",
        MODEL,
        "7 scores are 0 or 1",
        "none is",
        model("table", replace(FIDELITY, saturated=7)),
        model("table", FIDELITY),
    ),
    row(
        "table: linear",
        "The model is linear in every feature",
        MODEL,
        "no fold chose splines",
        "one did",
        table(),
        table(basis=("linear", "splines")),
    ),
    row(
        "table: a surrogate is linear",
        "The surrogate is linear in every feature",
        MODEL,
        "scores alone are known",
        "the model was made here",
        table(kind="scores"),
        table(),
    ),
    row(
        "table: bends",
        "there the model sees a U-shape",
        MODEL,
        "a fold chose splines",
        "none did",
        table(basis=("linear", "splines")),
        table(),
    ),
    row(
        "table: a U-shape isn't seen",
        "In the others a U-shape",
        MODEL,
        "some folds chose splines",
        "all did",
        table(basis=("linear", "splines")),
        table(basis=("splines", "splines")),
    ),
    row(
        "table: additive",
        "so the model holds no interaction",
        MODEL,
        "the model was made here",
        "scores alone are known",
        table(),
        table(kind="scores"),
    ),
    row(
        "table: weights",
        "methylation behind in 1 of 2 folds",
        MODEL,
        "a fold put it behind",
        "none did",
        table(weighting=("equal", "methylation")),
        table(),
    ),
    row(
        "table: no better rival",
        "None is surely better by more than 0.02.",
        MODEL,
        "lower bounds of .02 and below",
        "a lower bound of .021",
        table((rival("plain", 0.02),)),
        table((rival("plain", 0.021),)),
    ),
    row(
        "table: better rival",
        "is better, so it isn't explained what this model relies on",
        MODEL,
        "a lower bound of .021",
        ".02",
        table((rival("plain", 0.021),)),
        table((rival("plain", 0.02),)),
    ),
)
EMBEDDINGS = (
    row(
        "curve: bend",
        "Bend: at 171",
        CURVE,
        "a bend is claimed",
        "it is round",
        curve(),
        curve(claimed=False, finding=BendFinding.EVEN),
    ),
    row(
        "curve: no bend",
        "Bend: none is claimed",
        CURVE,
        "it is round",
        "a bend is claimed",
        curve(claimed=False, finding=BendFinding.EVEN),
        curve(),
    ),
    row(
        "curve: nucleosome and mode",
        "it can't tell one from the other",
        CURVE,
        "the interval holds both",
        "neither",
        curve(covers_nucleosome=True, covers_mode=True, mode=165),
        curve(mode=150),
    ),
    row(
        "curve: nucleosome",
        "holds 167 bp, and not the cohort's modal length",
        CURVE,
        "it holds 167 bp alone",
        "both",
        curve(covers_nucleosome=True, mode=150),
        curve(covers_nucleosome=True, covers_mode=True, mode=165),
    ),
    row(
        "curve: mode",
        "holds the cohort's modal length of 159 bp, and not 167 bp",
        CURVE,
        "it holds the mode alone",
        "neither",
        curve(covers_mode=True, mode=159),
        curve(mode=159),
    ),
    row(
        "curve: neither",
        "holds neither 167 bp nor",
        CURVE,
        "it holds neither",
        "the mode",
        curve(mode=159),
        curve(covers_mode=True, mode=159),
    ),
    row(
        "curve: out",
        "leaves out 167 bp, the cohort's modal length",
        CURVE,
        "the mode is 167 bp, outside",
        "inside",
        curve(),
        curve(covers_nucleosome=True, covers_mode=True),
    ),
    row(
        "curve: in",
        "holds 167 bp, the cohort's modal length",
        CURVE,
        "the mode is 167 bp, inside",
        "outside",
        curve(covers_nucleosome=True, covers_mode=True),
        curve(),
    ),
    row(
        "curve: period",
        "Period: of 10.4",
        CURVE,
        "a period is claimed",
        "it isn't",
        curve(),
        curve("period", claimed=False, finding=PeriodFinding.CHANCE),
    ),
    row(
        "curve: no period",
        "Period: none is claimed",
        CURVE,
        "it is weak",
        "one is claimed",
        curve("period", claimed=False, finding=PeriodFinding.CHANCE),
        curve(),
    ),
    row(
        "curve: period not looked for",
        "Period: not looked for",
        CURVE,
        "too few lengths are held",
        "enough are",
        curve("period", gone=True),
        curve(),
    ),
    row(
        "curve: not steered",
        "Steering: not done",
        CURVE,
        "lengths differ too little",
        "they differ",
        curve("steering", gone=True),
        curve(),
    ),
    row(
        "survivors: carried",
        "What differs in survivors between cases and controls comes with",
        "cfdna_interp/report/features.py",
        "features survive",
        "none does",
        lambda: feature_notes(funnel()),
        lambda: feature_notes(funnel(())),
    ),
    *(
        row(
            f"probe: {status}",
            status,
            "cfdna_interp/representation/use.py",
            printed,
            "any other of the test's numbers",
            test="tests/representation/test_use.py::test_rules",
        )
        for status, printed in (
            ("used", "erasing it costs more than random directions do"),
            ("decodable, not used", "a probe reads it, and erasing it costs nothing"),
            ("not decodable", "the upper bound of the probe is below the threshold"),
            ("can't tell", "neither is shown"),
        )
    ),
    row(
        "calls: none",
        "No methylation calls were read.",
        "cfdna_interp/report/templates/sections/calls.html",
        "no position has enough calls",
        "one has",
        test="tests/report/test_sentences.py::test_calls_are_said_to_be_sound_only_as_far_as_they_were_measured",
    ),
    row(
        "calls: sound",
        "or a measured conversion under 98 %",
        "cfdna_interp/report/templates/sections/calls.html",
        "conversion was measured and is high",
        "it was measured in no sample",
        test="tests/report/test_sentences.py::test_calls_are_said_to_be_sound_only_as_far_as_they_were_measured",
    ),
)
FITS, LACKS = one("A", 1, tissue()), one("B", 0, tissue(6.0, explained=False))
CASES_HIGHER = [one(f"C{i}", 1, tissue(3 + i)) for i in range(9)]
ALIKE = [one(f"C{i}", 1, tissue(1.01 + 0.02 * i)) for i in range(9)]
CONTROLS = [one(f"D{i}", 0, tissue(1 + 0.02 * i)) for i in range(9)]
TISSUE_MADE = "cfdna_interp/report/tissue.py"
TISSUE = (
    row(
        "tissue: explained",
        "The atlas explains all … samples with shares.",
        TISSUE_MADE,
        "each residual is one that cells that vary leave",
        "one is not",
        lambda: said(FITS),
        lambda: said(FITS, LACKS),
    ),
    row(
        "tissue: can't tell",
        "Can't tell: the atlas does not explain … of … samples.",
        TISSUE_MADE,
        "a residual is larger than cells that vary leave",
        "none is",
        lambda: said(FITS, LACKS),
        lambda: said(FITS),
    ),
    row(
        "tissue: no shares",
        "samples have no shares: they cover too few blocks",
        TISSUE_MADE,
        "a sample covers too few blocks",
        "all cover enough",
        lambda: said(FITS, one("C", 0, tissue(obstacle=FEW_BLOCKS))),
        lambda: said(FITS),
    ),
    row(
        "tissue: overlaps",
        "Blocks of the atlas overlap:",
        TISSUE_MADE,
        "the table has two lines of one place",
        "no two of its blocks overlap",
        lambda: said(one("A", 1, tissue(merged=2))),
        lambda: said(FITS),
    ),
    row(
        "tissue: residuals follow the label",
        "residuals differ between cases …. The atlas fits cases less well",
        TISSUE_MADE,
        "those of all cases are higher",
        "they are alike",
        lambda: said(*CASES_HIGHER, *CONTROLS),
        lambda: said(*ALIKE, *CONTROLS),
    ),
)
LOST_MANY = SampleLosses("A", "discovery", False, 1_000, {"low_mapq": 0.9}, {"low_mapq": "many are lost"})
LOST_FEW = SampleLosses("B", "discovery", False, 1_000, {"low_mapq": 0.1}, {})
LOSSES_MADE = "cfdna_interp/report/losses.py"
LOSSES = (
    row(
        "losses: stand out",
        "1 of … samples loses more reads to a filter than good libraries do",
        LOSSES_MADE,
        "extraction judged a loss, or one is a tenth above its role's median",
        "neither is so",
        lambda: losses_sentence([LOST_MANY, LOST_FEW]),
        lambda: losses_sentence([LOST_FEW]),
    ),
    row(
        "losses: none",
        "None of … samples loses more reads to a filter than good libraries do",
        LOSSES_MADE,
        "no loss stands out",
        "one does",
        lambda: losses_sentence([LOST_FEW]),
        lambda: losses_sentence([LOST_MANY, LOST_FEW]),
    ),
)
OPPOSED, PLAIN = {"length_q50": -0.5}, {"length_q50": 0.5}
CLAIMS = (
    row(
        "hypothesis: no neurons",
        "a genome-wide length shift cannot be DNA of neurons",
        HYPOTHESES,
        "lengths of the whole genome",
        "methylation",
        hypothesis({"length_mode": 1.0}),
        hypothesis({"methylation_level": 1.0}, "methylation"),
    ),
    row(
        "hypothesis: no neurons, once",
        "cannot be DNA of neurons",
        HYPOTHESES,
        "lengths of the whole genome",
        "lengths of one arm",
        hypothesis({"length_mode": 1.0}),
        hypothesis({"fsd_1p_100_104": 1.0}),
    ),
    row(
        "hypothesis: by its name",
        "which nothing else confirms",
        HYPOTHESES,
        "a foreign column",
        "our own bins",
        hypothesis({"fsd_1p_100_104": 1.0}),
        hypothesis({"length_bin_100_105": 1.0}),
    ),
    row(
        "hypothesis: uncertain",
        "with age held it is not certain",
        HYPOTHESES,
        "no difference is planted",
        "one of 1 SD is",
        hypothesis({"length_mode": 1.0}, effects=[0.0]),
        hypothesis({"length_mode": 1.0}),
    ),
    row(
        "hypothesis: opposed",
        "so that a test of it alone would find the opposite",
        HYPOTHESES,
        "the coefficient points the other way",
        "it points the same way",
        hypothesis(OPPOSED, effects=[1.0]),
        hypothesis(PLAIN, effects=[1.0]),
    ),
    row(
        "hypothesis: replicated",
        "yes: same direction",
        HYPOTHESES,
        "1.5 SD in both roles",
        "none held out",
        hypothesis(PLAIN, effects=[1.5]),
        hypothesis(PLAIN, effects=[1.5], heldout=[-1.5]),
    ),
    row(
        "hypothesis: open",
        "open: same direction, not beyond chance",
        HYPOTHESES,
        ".3 SD held out",
        "1.5 SD",
        hypothesis(PLAIN, effects=[1.5], heldout=[0.3]),
        hypothesis(PLAIN, effects=[1.5]),
    ),
    row(
        "hypothesis: not replicated",
        "no: not in the direction of discovery",
        HYPOTHESES,
        "reversed held out",
        "the same",
        hypothesis(PLAIN, effects=[1.5], heldout=[-1.5]),
        hypothesis(PLAIN, effects=[1.5]),
    ),
    row(
        "hypothesis: not tested",
        "not tested: measured in 0 cases",
        HYPOTHESES,
        "the held-out cohort lacks it",
        "it has it",
        test="tests/verdict/test_hypotheses.py::test_a_feature_that_the_heldout_cohort_lacks_is_not_tested",
    ),
    row(
        "hypothesis: none yet",
        "No feature group is a hypothesis yet",
        HYPOTHESES,
        "no group is named",
        "one is",
        nobody(),
        hypothesis(PLAIN),
    ),
)
STUDY = (
    row("mark: exploratory", "EXPLORATORY", MARKS, "a second opening", "the first", lock(2), lock(1)),
    row(
        "mark: simulated",
        "SIMULATED DATA",
        MARKS,
        "a program made the data",
        "people did",
        simulated(made=True),
        simulated(made=False),
    ),
    row(
        "mark: protocol",
        "read once before, under another protocol",
        MARKS,
        "the protocol changed",
        "labels changed",
        lock(2),
        lock(2, (LABELS,)),
    ),
    row(
        "mark: labels",
        "read once before, when others were given",
        MARKS,
        "labels changed",
        "the protocol did",
        lock(2, (LABELS,)),
        lock(2),
    ),
    row(
        "mark: changed",
        "Changed in the protocol since: seed.",
        MARKS,
        "the seed changed",
        "the first opening",
        lock(2),
        lock(1),
    ),
    row(
        "mark: not known",
        "no copy of the first protocol is left",
        MARKS,
        "it is gone",
        "it is there",
        lock(2, None),
        lock(2),
    ),
    row(
        "fixed before: ladder",
        "margins fixed before the held-out labels were opened in this folder",
        "cfdna_interp/report/templates/sections/ladder.html",
        "the first opening in the folder",
        "the second",
        test="tests/report/test_report_marks.py::test_nothing_was_fixed_beforehand_in_a_second_opening",
    ),
    row(
        "fixed before: methods",
        "before the held-out labels were read in this run's folder",
        METHODS,
        "the first opening in the folder",
        "the second",
        test="tests/report/test_report_marks.py::test_nothing_was_fixed_beforehand_in_a_second_opening",
    ),
    row(
        "fixed before: checklist",
        "was opened once everything was frozen in this folder",
        ANSWERS,
        "the first opening in the folder",
        "the second",
        test=f"{CHECKLIST}::test_a_second_opening_is_no_opening_once_everything_was_frozen",
    ),
    row(
        "checklist: first opening",
        "the first opening of the held-out labels in this folder",
        ANSWERS,
        "the first",
        "the second",
        test="tests/report/test_sentences.py::test_the_first_opening_is_that_of_this_folder",
    ),
    *(
        row(
            f"checklist: {key}",
            words,
            ANSWERS,
            printed,
            absent,
            test="tests/report/test_sentences.py::test_what_was_not_earned_is_listed_in_the_checklist",
        )
        for key, words, printed, absent in (
            ("all earned", "every rung was earned", "all rungs are earned", "none is"),
            ("not earned", "not earned: L0", "L0 isn't earned", "all are"),
        )
    ),
    row(
        "methods: mediators",
        "Declared mediators were not held",
        METHODS,
        "a column is declared",
        "none is",
        test="tests/report/test_sentences.py::test_declared_mediators_are_named_in_the_methods",
    ),
    row(
        "checklist: clusters",
        "AUROC within batches",
        ANSWERS,
        "it gave a number",
        "it gave none",
        test=f"{CHECKLIST}::test_only_what_was_looked_at_and_compared_is_claimed",
    ),
    row(
        "checklist: fairness",
        "with a test of heterogeneity by",
        ANSWERS,
        "sites were tested",
        "nothing was",
        test=f"{CHECKLIST}::test_only_what_was_looked_at_and_compared_is_claimed",
    ),
    row(
        "checklist: chosen by labels",
        "discovery labels enter the choice of the proxy's group",
        ANSWERS,
        "there is a proxy",
        "there is none",
        test=f"{CHECKLIST}::test_what_labels_chose_is_said",
    ),
    row(
        "checklist: rows left out",
        "no row was left out by this run",
        ANSWERS,
        "none was",
        "one was",
        test=f"{CHECKLIST}::test_rows_without_a_role_are_counted_and_a_table_leaves_its_making_to_the_authors",
    ),
    row(
        "page: handling",
        "not handling",
        "cfdna_interp/report/templates/sections/audit.html",
        "L4 is earned",
        "it isn't, for whatever reason",
        test="tests/report/test_sentences.py::test_no_section_clears_handling_or_the_person_where_the_ladder_does_not",
    ),
    row(
        "page: person",
        "not age or sex",
        "cfdna_interp/report/templates/sections/audit.html",
        "L5 is earned",
        "it isn't, for whatever reason",
        test="tests/report/test_sentences.py::test_no_section_clears_handling_or_the_person_where_the_ladder_does_not",
    ),
    row(
        "page: unearned claims",
        "Not earned: it is not handling",
        "cfdna_interp/report/templates/sections/ladder.html",
        "L4 isn't earned",
        "it is",
        test="tests/report/test_sentences.py::test_no_section_clears_handling_or_the_person_where_the_ladder_does_not",
    ),
    row(
        "page: retrained",
        "model retrained",
        "cfdna_interp/report/words.py",
        "the model was retrained",
        "only its scores are known",
        test="tests/report/test_report_surrogate.py::test_no_section_says_that_the_model_was_retrained",
    ),
)
SENTENCES = KIND_WORDS + MODELS + EMBEDDINGS + TISSUE + LOSSES + CLAIMS + STUDY
