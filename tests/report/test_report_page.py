"""The page: sections in order, marks of simulated data, escaping, absences, determinism."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_run import HOSTILE, Built, World, make_run
from stored import stored

from cfdna_interp.cli.report import command
from cfdna_interp.errors import InputError
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.report.report import build_report

SECTIONS = [
    "verdict",
    "ladder",
    "lengths",
    "calls",
    "tissue",
    "model",
    "attribution",
    "representation",
    "heldout",
    "proxy",
    "audit",
    "leakage",
    "hypotheses",
    "excluded",
    "checklist",
    "methods",
    "provenance",
]


class Reader(HTMLParser):
    """Collect the text that a person sees, by section, and every element that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.sections: dict[str, str] = {"": ""}
        self.scripts: list[str] = []
        self.loading: list[tuple[str, str]] = []
        self._section = ""
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._hidden = tag
        if tag == "section":
            self._section = values["id"]
            self.sections[self._section] = ""
        for name in ("src", "href", "srcset", "action", "data"):
            if name in values:
                self.loading.append((tag, values[name]))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        if tag == "section":
            self._section = ""
        if tag in ("td", "th"):
            self.sections[self._section] += " "

    def handle_data(self, data: str) -> None:
        if self._hidden == "script":
            self.scripts.append(data)
        elif not self._hidden:
            self.sections[self._section] += data


def read(built: Built) -> Reader:
    reader = Reader()
    reader.feed(built.page.read_text(encoding="utf-8"))
    return reader


def test_sections_come_in_order_and_are_in_the_contents(simulated_run: Built) -> None:
    reader = read(simulated_run)
    assert [name for name in reader.sections if name] == SECTIONS
    targets = [target for tag, target in reader.loading if tag == "a"]
    assert targets[: 1 + len(SECTIONS)] == ["#verdict", *(f"#{s}" for s in SECTIONS)]
    # Further links are those of the checklist.
    assert set(targets) <= {f"#{s}" for s in SECTIONS}


def test_simulated_is_said_at_the_top_in_each_section_and_at_the_end(simulated_run: Built) -> None:
    reader = read(simulated_run)
    for name in SECTIONS:
        assert "SIMULATED DATA" in reader.sections[name], name
    outside = reader.sections[""]
    assert outside.index("SIMULATED DATA") < outside.index("cfdna-interp")
    assert outside.rindex("SIMULATED DATA") > outside.index("seed")
    # The ribbon that print styles put on every page.
    assert 'class="ribbon"' in simulated_run.page.read_text(encoding="utf-8")


def test_simulated_is_said_nowhere_where_it_is_not(bare_run: Built) -> None:
    text = " ".join(read(bare_run).sections.values())
    assert "simulated" not in text.lower()
    assert 'class="ribbon"' not in bare_run.page.read_text(encoding="utf-8")


def test_texts_are_escaped(bare_run: Built) -> None:
    page = bare_run.page.read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "<b>Aarhus" not in page
    assert "<i>controls" not in page
    reader = read(bare_run)
    assert HOSTILE in reader.sections["excluded"]
    assert "<b>Aarhus</b>" in reader.sections["excluded"]
    assert "Cohort & <i>controls</i>" in reader.sections[""]
    assert not any("alert(1)" in script for script in reader.scripts)


def test_the_page_refers_to_nothing_outside(simulated_run: Built, bare_run: Built) -> None:
    for built in (simulated_run, bare_run):
        targets = [target for tag, target in read(built).loading if tag != "a"]
        assert targets == ["data:,"]


def test_a_figure_cannot_end_its_script_element(bare_run: Built) -> None:
    specs = re.findall(
        r'<script type="application/json"[^>]*>(.*?)</script>', bare_run.page.read_text(encoding="utf-8")
    )
    assert len(specs) == 10
    for spec in specs:
        assert "<" not in spec
        assert json.loads(spec)["data"]


def test_what_does_not_apply_is_told_as_text(bare_run: Built) -> None:
    text = read(bare_run).sections["attribution"]
    assert f"Edit: {HOSTILE}." in text
    assert "values for 10 of 40 subjects only" in text
    assert "No maps were made in this run." in text


def test_attribution_says_which_how_firmly_and_where(simulated_run: Built) -> None:
    text = read(simulated_run).sections["attribution"]
    assert (
        "Fragment length carries signal for the model that no other group here replaces (in discovery: "
        "share 78 %" in text
    )
    assert "All 3 combinations give the groups in the same order" in text
    assert re.search(r"Reweight, all discovery subjects\s+80 of 80\s+5\s+78 % \[73, 84\] ± 1.2 %", text)
    assert re.search(r"Null of this share, 95 %\s+80\s+5\s+46 %", text)
    # .78 / 3 nats, and three groups deleted one after the other.
    assert re.search(r"Fragment length\s+78 %.*\s+46 %\s+55 %\s+0.260 \[0.240, 0.280\]", text)
    assert "no group contributes more than 0.018 nats in 95 % of" in text
    assert re.search(r"3\s+context only\s+0.53\s+Fragment length, methylation, tissue of origin\s+0.91", text)
    assert "40 cases − 40 controls" in text
    # 1.4 and -1.3 times the share of .78, with the bounds of the record.
    assert re.search(r"Fragment length\s+1.09 \[0.78, 1.40\]\s+−1.01 \[−1.33, −0.70\]", text)
    assert "the n = 80 discovery subjects divided into 5 folds, and heads of each seed apart" in text
    pair = next(
        pair
        for pair in stored(ValidationResult, simulated_run.config).paired
        if pair.b == "model_without_fragment_length"
    )
    held = f"{pair.value:.3f} [{pair.low:.3f}, {pair.high:.3f}]"
    assert re.search(
        rf"Fragment length\s+0.91 \[.*?\]\s+0.\d\d \[.*?\s+0.390\s+{re.escape(held)}\s+it holds", text
    )
    assert "By this route the shares are fragment length 78 % [70, 86], methylation 13 % [12, 14]," in text
    assert "(n = 80 discovery subjects; 95 % over subjects, the heads as they are" in text
    assert "by their donors: 4.2e−05; with contributions dealt out anew among fragments: 1.82;" in text


def test_no_key_is_on_the_page_where_words_belong(simulated_run: Built, bare_run: Built) -> None:
    for built in (simulated_run, bare_run):
        sections = read(built).sections
        for name in ("verdict", "ladder", "model", "attribution", "representation", "methods"):
            assert not re.search(r"[a-z]_[a-z]", sections[name]), name


def test_absences_are_said(bare_run: Built, simulated_run: Built) -> None:
    bare = read(bare_run).sections
    assert "no group is dominant" in bare["verdict"]
    assert "batches that hold both classes" in bare["verdict"]
    assert "batches that hold both classes" not in read(simulated_run).sections["verdict"]
    assert "no batch holds both classes" in bare["audit"]
    assert "There is no proxy" in bare["proxy"]
    # Below thirty subjects a class the interval is known to be too narrow.
    assert "With 20 subjects in the smaller class the interval may be too narrow" in bare["heldout"]
    whole, subgroups = read(simulated_run).sections["heldout"].split("Subgroups of the held-out subjects:")
    assert "in the smaller class" not in whole
    # Four sites of 10 + 10 held-out subjects.
    assert "With 10 subjects in the smaller class" in subgroups
    assert "Covariates: no baseline" in bare["audit"]
    assert "not estimable" in bare["audit"]
    assert "over n = 40 discovery controls" in read(simulated_run).sections["audit"]
    assert re.search(r"Excluded samples\s+none", read(simulated_run).sections["excluded"])


def test_numbers_of_the_results_are_on_the_page(simulated_run: Built) -> None:
    sections = read(simulated_run).sections
    validation = stored(ValidationResult, simulated_run.config)
    auroc = validation.scores["model"].auroc
    shown = f"{auroc.value:.2f} [{auroc.low:.2f}, {auroc.high:.2f}]"
    assert shown in sections["verdict"]
    assert "78 % [72, 85]" in sections["verdict"]
    # What has to beat permuted labels stands beside them: .78 / 3 nats.
    assert (
        "contributes 0.260 [0.240, 0.280] nats to the prediction; permuted labels at most 0.018 in 95 % of "
        "19 refits; n = 80 discovery subjects"
    ) in sections["verdict"]
    assert validation.opening.protocol in sections["provenance"]
    # Ten of forty subjects per class and batch, by construction.
    assert len(re.findall(r"Aarhus\s+10\s+10\s+50 %", sections["excluded"])) == 2
    assert "80 discovery subjects (40 cases, 40 controls)" in sections["methods"]


def test_samples_with_poor_calls_are_named(simulated_run: Built, bare_run: Built) -> None:
    text = read(simulated_run).sections["calls"]
    assert re.search(r"S001\s+Discovery\s+99.50 %\s+M-bias: in the first 4 bases of read2", text)
    assert re.search(r"T003\s+Held-out\s+91.20 %\s+conversion of 91.2% is under 98%", text)
    assert "2 of 160" in text
    assert "held-out: median 99.50 %, from 91.20 % to 99.50 % over n = 80 samples" in text
    assert "No methylation calls were read" in read(bare_run).sections["calls"]


def test_excluded_samples_are_not_counted(bare_run: Built) -> None:
    # Of 20 + 20 discovery subjects one case is excluded.
    assert "39 discovery subjects (19 cases, 20 controls)" in read(bare_run).sections["methods"]


def test_equal_runs_give_equal_bytes(simulated_run: Built, tmp_path: Path) -> None:
    config, layout = make_run(tmp_path / "elsewhere", World())
    build_report(config, layout)
    for name in ("report.html", "manifest.json"):
        assert layout.file(name).read_bytes() == simulated_run.layout.file(name).read_bytes(), name
    before = layout.file("report.html").read_bytes()
    build_report(config, layout)
    assert layout.file("report.html").read_bytes() == before


def test_the_command_prints_where_the_page_lies(tmp_path: Path) -> None:
    _, layout = make_run(tmp_path, World(per_class=6, batches=("A",)))
    settings = tmp_path / "config.yaml"
    settings.write_text("sheet: sheet.tsv\noutdir: results\n")
    result = CliRunner().invoke(command, ["--config", str(settings)], catch_exceptions=False)
    assert result.output.strip() == str(layout.file("report.html"))
    assert layout.file("report.html").is_file()


def test_a_missing_result_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    config, layout = make_run(tmp_path, World(per_class=6, batches=("A",)))
    layout.file("audit.json").unlink()
    with pytest.raises(InputError, match=r"audit\.json does not exist"):
        build_report(config, layout)
    assert not layout.file("report.html").exists()
    assert not layout.file("manifest.json").exists()


def test_a_missing_record_of_the_encoder_sends_to_the_stage_that_writes_it(tmp_path: Path) -> None:
    config, layout = make_run(tmp_path, World(per_class=6, batches=("A",)))
    layout.file("encoder.json").unlink()
    with pytest.raises(InputError, match=r"encoder\.json does not exist; run the pretrain stage"):
        build_report(config, layout)
