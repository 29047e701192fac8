"""Fetching from a server on this machine: the right bytes, other bytes, none, half of them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.published import ATLASES, Published, fetch_atlas
from cfdna_interp.cli.fetch_atlas import command
from cfdna_interp.errors import InputError

CONTENT = (
    b"chr\tstart\tend\tstartCpG\tendCpG\ttarget\tname\tdirection\tLiver\tNeuron\n"
    b"chr1\t100\t400\t7\t12\tLiver\tm1\tU\t0.9\t0.1\n"
)
MADE_UP = Published("http://127.0.0.1:9/none", hashlib.sha256(CONTENT).hexdigest(), "a.tsv", "made up")


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        known = {"/a.tsv": CONTENT, "/other.tsv": CONTENT + b"x", "/half.tsv": CONTENT[:60]}
        if self.path not in known:
            self.send_error(404)
            return
        self.send_response(200)
        # A promise that half.tsv doesn't keep: the connection ends early.
        self.send_header("Content-Length", str(len(CONTENT) + (self.path == "/other.tsv")))
        self.end_headers()
        self.wfile.write(known[self.path])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Handler.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_atlas_arrives_whole_and_is_readable(address: str, tmp_path: Path) -> None:
    target = tmp_path / "new" / "atlas.tsv"
    assert fetch_atlas(MADE_UP, target, f"{address}/a.tsv")
    assert target.read_bytes() == CONTENT and len(Atlas.load(target)) == 1
    assert list(target.parent.iterdir()) == [target]  # nothing is left beside it


def test_what_is_there_is_not_fetched_again(address: str, tmp_path: Path) -> None:
    target = tmp_path / "atlas.tsv"
    target.write_bytes(CONTENT)
    assert not fetch_atlas(MADE_UP, target, f"{address}/a.tsv")
    assert Handler.asked == []


def test_another_file_is_never_overwritten(address: str, tmp_path: Path) -> None:
    target = tmp_path / "atlas.tsv"
    target.write_text("mine\n")
    with pytest.raises(InputError, match="exists and is another file"):
        fetch_atlas(MADE_UP, target, f"{address}/a.tsv")
    with pytest.raises(InputError, match="exists and is another file"):
        fetch_atlas(MADE_UP, tmp_path, f"{address}/a.tsv")
    assert target.read_text() == "mine\n" and Handler.asked == []


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/other.tsv", "does not hold the atlas expected"),
        ("/absent.tsv", "cannot be fetched .*404"),
        ("/half.tsv", "cannot be fetched|does not hold the atlas expected"),
    ],
)
def test_nothing_is_written_when_it_fails(path: str, what: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=what) as raised:
        fetch_atlas(MADE_UP, tmp_path / "atlas.tsv", address + path)
    assert address + path in str(raised.value) and "--address" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_no_server_no_folder_no_web_address(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9/none cannot be fetched"):
        fetch_atlas(MADE_UP, tmp_path / "atlas.tsv")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        fetch_atlas(MADE_UP, tmp_path / "file" / "atlas.tsv", f"{address}/a.tsv")
    with pytest.raises(InputError, match="is not a web address"):
        fetch_atlas(MADE_UP, tmp_path / "atlas.tsv", "ftp://host/a.tsv")


def call(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cfdna_interp.cli", "fetch-atlas", *arguments],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip


def test_the_command_shows_the_licence_and_stops_without_consent(address: str, tmp_path: Path) -> None:
    done = call("uxm-hg38", "--address", f"{address}/a.tsv", folder=tmp_path)
    assert done.returncode == 2 and Handler.asked == [] and list(tmp_path.iterdir()) == []
    assert ATLASES["uxm-hg38"].licence in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "cfdna-interp: atlas uxm-hg38 was not fetched: read its licence above, then add --accept-licence"
    )


def test_the_command_checks_the_bytes_of_a_mirror(address: str, tmp_path: Path) -> None:
    done = call("uxm-hg38", "--accept-licence", "--address", f"{address}/a.tsv", folder=tmp_path)
    assert done.returncode == 2 and Handler.asked == ["/a.tsv"] and list(tmp_path.iterdir()) == []
    assert "does not hold the atlas expected" in done.stderr.splitlines()[-1]


def test_the_command_offers_what_there_is() -> None:
    (argument,) = (parameter for parameter in command.params if parameter.name == "name")
    assert list(argument.type.choices) == list(ATLASES)


@pytest.mark.realdata
def test_the_command_with_the_atlas_of_the_authors(realdata: Path, address: str, tmp_path: Path) -> None:
    content = (realdata / "atlas" / "Atlas.U25.l4.hg38.tsv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == ATLASES["uxm-hg38"].sha256
    (tmp_path / "mine.tsv").write_bytes(content)
    done = call("uxm-hg38", "--accept-licence", "--out", "mine.tsv", folder=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "mine.tsv (there already)")
    assert len(Atlas.load(tmp_path / "mine.tsv")) == 900
