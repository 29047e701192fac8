"""``plan``: tables and JSON of the sizes, and one line for what has no answer."""

import json

import pytest
from click.testing import CliRunner

from cfdna_interp.attribution.planning import size_to_decide
from cfdna_interp.cli.plan import command
from cfdna_interp.errors import InputError
from cfdna_interp.stats.cohort_size import size_for_difference, size_for_interval, size_for_signal


def run(*arguments):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def rows(*arguments):
    return json.loads(run(*arguments, "--json").output)


def test_interval_prints_a_line_for_each_auroc():
    lines = run("interval", "--auroc", "0.7", "--auroc", "0.9", "--half-width", "0.06").output.splitlines()
    assert lines[0].split() == ["auroc", "case", "control", "low", "high", "half_width"]
    for line, auroc in zip(lines[1:], (0.7, 0.9), strict=True):
        size = size_for_interval(auroc, 0.06)
        assert line.split()[:3] == [f"{auroc:.3f}", str(size.case), str(size.control)]


def test_a_small_answer_comes_with_its_caution():
    assert "subjects in the smaller class" in run("interval", "--auroc", "0.9", "--half-width", "0.15").output
    (row,) = rows("interval", "--auroc", "0.7", "--half-width", "0.05")
    assert row["caution"] == ""


def test_signal_and_difference_give_what_the_formulas_give():
    (row,) = rows("signal", "--auroc", "0.65", "--controls-per-case", "2", "--sides", "2")
    size = size_for_signal(0.65, sides=2, controls_per_case=2)
    assert row == {"auroc": 0.65, "case": size.case, "control": size.control, "power": size.achieved}
    (row,) = rows("difference", "--auroc", "0.85", "--than", "0.8", "--correlation", "0.7", "--power", "0.9")
    size = size_for_difference(0.85, 0.8, 0.7, power=0.9)
    assert (row["case"], row["control"], row["power"]) == (size.case, size.control, size.achieved)


def test_the_figure_that_the_ladder_quotes():
    # docs/verdicts.md: .6 against .5 at a power of 80 %, two-sided: about 130 per class.
    (row,) = rows("signal", "--auroc", "0.6", "--sides", "2")
    assert row["case"] == pytest.approx(130, abs=3)


def test_within_keeps_the_mix_of_the_sites():
    answer = rows("within", "--auroc", "0.75", "--site", "30:10", "--site", "5:40", "--half-width", "0.08")
    one, two, total = answer
    assert one["case"] / one["control"] == pytest.approx(3, rel=0.1)
    assert two["control"] / two["case"] == pytest.approx(8, rel=0.1)
    assert (total["case"], total["control"]) == (one["case"] + two["case"], one["control"] + two["control"])
    assert total["half_width"] <= 0.08
    assert "power" in run("within", "--auroc", "0.75", "--site", "1:1").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["within", "--auroc", "0.7", "--site", "30:0", "--site", "0:20"], "no site has both classes"),
        (["within", "--auroc", "0.7", "--site", "30"], "two numbers with a colon"),
        (["within", "--auroc", "0.7", "--site=-3:4"], "two finite numbers from 0"),
        (["within", "--auroc", "0.7", "--site", "1e308:1e308"], "two finite numbers from 0 to 1,000,000"),
        (
            ["within", "--auroc", "0.7", "--site", "1:1", "--half-width", "0.05", "--power", "0.8"],
            "give --half-width or --power, not both",
        ),
        (["signal", "--auroc", "0.6", "--controls-per-case", "inf"], "0<x<=1000"),
        (["signal", "--auroc", "nan"], "'nan' is no finite number"),
        (["interval", "--auroc", "0.7", "--half-width", "nan"], "'nan' is no finite number"),
        (["within", "--auroc", "0.7", "--site", "nan:4"], "two finite numbers"),
        (["difference", "--auroc", "0.8", "--than", "0.8"], "is what it is compared with"),
        (["interval", "--auroc", "1"], "0.5<x<1"),
        (["signal", "--auroc", "0.4"], "0.5<x<1"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_hopeless_wish_is_one_line():
    with pytest.raises(InputError, match="more than 1,000,000 subjects"):
        run("signal", "--auroc", "0.5001")


def test_reliance_gives_what_the_rule_was_planned_to_need():
    (row,) = rows("reliance", "--d", "1", "--beside", "0", "--beside", "0")
    plan = size_to_decide([1.0, 0.0, 0.0])
    assert (row["case"], row["control"], row["power"]) == (plan.case, plan.control, plan.power)
    assert row["answer"] == "the group is named"
    # d' of an AUROC of .76025 is 1 (Φ(1 / √2)), of .5 it is 0.
    (same,) = rows("reliance", "--auroc", "0.7602499", "--beside", "0.5", "--beside", "0.5")
    assert (same["case"], same["d"]) == (row["case"], pytest.approx(1, abs=1e-5))
    (equal,) = rows("reliance", "--d", "1", "--beside", "1", "--beside", "1")
    assert equal["answer"] == "no group leads"
    assert "no group leads" in run("reliance", "--d", "1", "--beside", "1", "--beside", "1").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beside", "0.4"], "as --d or as --auroc"),
        (["--d", "1", "--auroc", "0.8", "--beside", "0.4"], "as --d or as --auroc"),
        (["--d", "1"], "Missing option '--beside'"),
        (["--auroc", "0.8", "--beside", "0.4"], "0.4 is no AUROC from 0.5 to 1"),
        (["--d", "0", "--beside", "0.4"], "x>0"),
        (["--d", "1", "--beside=-1"], "x>=0"),
    ],
)
def test_reliance_refuses_what_makes_no_sense(arguments, message):
    result = run("reliance", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_reliance_says_where_no_size_decides():
    with pytest.raises(InputError, match="neither names the group nor excludes that one leads"):
        run("reliance", "--d", "0.5", "--beside", "0.4")
