"""A result file that lost a key, or has one too many, is one error that names it and the stage to run."""

from __future__ import annotations

import re

import pytest
from damage import check_losses, lost
from stored import write_json

from cfdna_interp.artifacts.files import digest_file, read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.errors import InputError
from cfdna_interp.verdict.verdict import run_verdict

PLACES = {("scores", "model", "auroc", "low"): "scores[...].auroc.low"}
READ = ("dominance.json", "validation.json", "audit.json", "proxy.json")


def test_whatever_key_is_gone_verdict_succeeds_or_names_the_file(own_copy):
    layout = Layout.of(own_copy.outdir)
    check_losses([layout.file(name) for name in READ], lambda: run_verdict(own_copy), 3)


@pytest.mark.parametrize(
    ("name", "at", "stage"),
    [
        ("validation", ("n", "case"), "validate"),
        ("validation", ("opening", "changed"), "validate"),
        ("validation", ("scores", "model", "auroc", "low"), "validate"),
        ("audit", ("handling", "status"), "audit"),
        ("audit", ("person", "status"), "audit"),
        ("proxy", ("regression", "intercept"), "proxy"),
    ],
)
def test_a_key_that_the_verdict_rests_on_is_named(own_copy, name, at, stage):
    path = Layout.of(own_copy.outdir).file(f"{name}.json")
    # Keys of a dictionary are data: the place of what they lead to is written [...].
    place = re.escape(PLACES.get(at, ".".join(at)))
    wanted = rf"{name}\.json has no usable '{place}'.*run the {stage} stage again"
    with lost(path, at), pytest.raises(InputError, match=wanted):
        run_verdict(own_copy)


@pytest.mark.parametrize(
    ("at", "place"),
    [
        (("finding",), "finding"),
        (("groups", "fragment_length", "role"), r"groups\[\.\.\.\]\.role"),
        (("performance", "methylation"), r"content' \(performance isn't of the groups fragment_length, .*"),
    ],
)
def test_a_field_of_the_attribution_that_is_gone_is_named(own_copy, at, place):
    path = Layout.of(own_copy.outdir).file("dominance.json")
    wanted = rf"dominance\.json has no usable '{place}.*run the dominance stage again"
    with lost(path, at), pytest.raises(InputError, match=wanted):
        run_verdict(own_copy)


@pytest.mark.parametrize("margins", [{}, {"necessity_margin": 0.02, "patience": 3}])
def test_margins_of_another_version_are_refused(own_copy, margins):
    layout = Layout.of(own_copy.outdir)
    protocol = layout.file("protocol.json")
    write_json(protocol, read_json(protocol) | {"margins": margins})
    path = layout.file("validation.json")
    record = read_json(path)
    write_json(path, record | {"opening": record["opening"] | {"protocol": digest_file(protocol)}})
    with pytest.raises(
        InputError, match=r"protocol\.json has no usable 'margins\..*run the proxy stage again"
    ):
        run_verdict(own_copy)
