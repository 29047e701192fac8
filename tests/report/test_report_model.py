"""The model under study in words, for each kind; and what each group is to it."""

from __future__ import annotations

import msgspec
import pytest
from fake_run import CAUSAL, encoder_record
from made_dominance import (
    around,
    dominance_record,
    group_attribution,
    subset_fidelity,
    surrogate_fidelity,
)
from msgspec.structs import replace

from cfdna_interp.records.dominance import GroupAttribution, Outcome, Role
from cfdna_interp.report.model import KINDS, describe_model
from cfdna_interp.report.roles import ROLES, outcome_title, role_sentences

FIDELITY = surrogate_fidelity(n=80, low=0.9, judged_low=0.9)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_is_and_reads(kind: str) -> None:
    card = describe_model(encoder_record(kind), FIDELITY if kind == "table" else None)
    assert card.sentences[0] == KINDS[kind]
    assert "Of a fragment it reads fragment length, methylation outside atlas blocks" in card.sentences[1]
    assert bool(card.losses) == (kind in ("reference", "table", "causal"))
    assert not any("_" in sentence for sentence in card.sentences)


def test_masked_pretraining_stands_beside_guessing() -> None:
    length, call = describe_model(encoder_record("reference"), None).losses
    assert length == ("Hidden length, bins of 5 bp; n = 190,000 fragments", "3.910", "4.020 from frequencies")
    assert call[1:] == ("0.440", "0.610 from frequencies")


def test_what_token_counts_follow_is_told_in_numbers() -> None:
    card = describe_model(encoder_record("causal"), None)
    text = " ".join(card.sentences)
    # .98 squared is .9604.
    assert "follows length (correlation 0.98 over fragments: 96 % of its variance)" in text
    assert "the number of methylated calls (0.44), which follows length by itself (0.31)" in text
    assert "46,896 parameters" in text
    assert card.losses[0][1:] == ("0.910", "1.310 from the token before; 1.420 from frequencies")


def test_a_cohort_without_methylation_has_no_such_guess() -> None:
    nothing = ("methylation_loss", "methylation_bigram", "methylated_tokens", "length_methylated")
    causal = msgspec.structs.replace(CAUSAL, **dict.fromkeys(nothing))
    card = describe_model(encoder_record("causal", causal=causal), None)
    assert len(card.losses) == 1
    assert card.sentences[-1].endswith("methylated calls don't vary.")


def test_tokens_that_do_not_vary_follow_nothing() -> None:
    record = encoder_record("causal", causal=msgspec.structs.replace(CAUSAL, length_tokens=None))
    assert "All fragments have the same length" in describe_model(record, None).sentences[-1]


def test_a_foreign_sequence_model_is_sent_to_the_check() -> None:
    record = encoder_record("transformers", consumes=("fragment_length", "methylation", "sequence"))
    card = describe_model(record, None)
    assert "It doesn't read methylation inside atlas blocks" in card.sentences[2]
    assert "models check" in card.sentences[3]


@pytest.mark.parametrize(("low", "told"), [(0.9, "not under 0.90"), (0.8999, "under 0.90, the least")])
def test_fidelity_decides_whose_attribution_it_is(low: float, told: str) -> None:
    text = describe_model(encoder_record("table"), replace(FIDELITY, judged_low=low)).sentences[-1]
    assert told in text
    assert ("no group is named" in text) == (low != 0.9)
    assert "n = 80 discovery subjects" in text


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_words_and_its_figures(role: Role) -> None:
    def group(share: float) -> GroupAttribution:
        return group_attribution(around(share), role, covariance_share=around(share - 0.5))

    groups = {"methylation": group(0.3), "fragment_length": group(0.7)}
    reached = {"model_only_methylation": 0.5, "model_only_fragment_length": 0.8}
    sentences = role_sentences(
        dominance_record(
            groups,
            cross_fitted_auroc=dominance_record(groups).cross_fitted_auroc | reached,
            leave_out_cost={"methylation": 0.001, "fragment_length": 0.2},
        )
    )
    assert [name for name, _ in sentences] == ["Fragment length", "Methylation"]
    assert sentences[0][1].startswith(ROLES[role].format("the model"))
    assert "(in discovery: share 30 %, covariance share −20 %; alone AUROC 0.50;" in sentences[1][1]
    assert sentences[1][1].endswith("costs 0.001).")


def test_roles_of_a_foreign_model_are_told_of_its_score() -> None:
    groups = {
        "fragment_length": group_attribution(around(0.95), "carrier"),
        "methylation": group_attribution(around(0.05)),
    }
    own = dominance_record(groups)
    reached = {"model_only_methylation": 0.95, "model_only_fragment_length": 0.75}
    followed = dict.fromkeys(own.cross_fitted_auroc, subset_fidelity(0.98))
    record = replace(
        own,
        fidelity=surrogate_fidelity(judged_low=0.97),
        cross_fitted_auroc=own.cross_fitted_auroc | reached,
        leave_out_cost={"methylation": 0.04, "fragment_length": -0.15},
        cross_fitted_fidelity=followed | {"model_only_methylation": subset_fidelity(0.35)},
        leave_out_r2={"methylation": 0.0, "fragment_length": 0.84},
    )
    sentences = dict(role_sentences(record))
    assert sentences["Fragment length"].startswith(
        "carries signal for the score that no other group here replaces"
    )
    assert "alone follows the score with a correlation of 0.98" in sentences["Fragment length"]
    assert "retraining the surrogate without it costs 0.840 of R²" in sentences["Fragment length"]
    assert sentences["Methylation"].startswith("is not used by the score: less than 10 % of the attribution")
    # How well it tells the label is no figure of the score's.
    assert "AUROC" not in " ".join(sentences.values())


def test_saturated_scores_are_counted_and_the_rank_correlation_is_what_is_read() -> None:
    plain = describe_model(encoder_record("table"), FIDELITY).sentences[-1]
    assert "held at" not in plain
    held = describe_model(encoder_record("table"), replace(FIDELITY, saturated=7, judged_low=0.89)).sentences[
        -1
    ]
    assert "Of 7 of them the score is a probability of 0 or 1" in held
    assert "no group is named" in held


def test_a_low_auroc_is_not_called_no_signal() -> None:
    # Below the ceiling of .65 a group of many subjects may have one all the same.
    assert not any("no signal" in words for words in ROLES.values())
    assert "alone it stays below what counts as signal" in ROLES["partner"]
    assert "alone" not in ROLES["unused"]  # what is not used may tell the label all the same


@pytest.mark.parametrize(
    ("outcome", "group", "title"),
    [
        ("dominant", "fragment_length", "dominant: fragment length"),
        ("suppressor", "methylation", "methylation, helped by a suppressor"),
        ("suppressor", None, "a suppressor, and no group for certain"),
        ("redundant", None, "redundant groups"),
        ("interaction", None, "groups that count only together"),
        ("none", None, "no group named"),
        ("can't tell", None, "can't tell"),
    ],
)
def test_each_outcome_has_a_title(outcome: Outcome, group: str | None, title: str) -> None:
    assert outcome_title(outcome, group) == title
