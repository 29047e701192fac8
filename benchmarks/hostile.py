"""Thousands of hostile files, each given to the command that reads it, end in a result, a line or a fault.

    python benchmarks/hostile.py --files 2000 --workers 2

Makes sound files of every kind that a command reads from a person or from another program, damages each in
many ways, and runs the command on it in a process of its own, with bounds on time and memory. The end is

- accepted: exit code 0;
- refused: exit code 2, and lines that begin as errors do;
- a fault: a traceback, exit code 70 or another one, a signal, or no end within 20 s of processor time, or
  60 s of waiting.

Prints a table by kind. Files that ended in a fault are kept in `--out`, and the status is then 1.
"""

from __future__ import annotations

import argparse
import copy
import gzip
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "out" / "hostile"
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "models")]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pysam  # noqa: E402
import yaml  # noqa: E402

SECONDS = 20  # of processor time, until a command counts as one without an end
WAITING = 60  # seconds on the clock: a command that reads a pipe takes no processor time
COMPILING = 300  # of the sound files, by which kernels are compiled
MEMORY = 6 << 30  # bytes of address space beyond what the parent has; torch and HDF5 map much
LARGEST_FILE = 1 << 30  # bytes that a command may write to one file
ENDS = ("accepted", "refused", "fault")

Mutation = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    name
        As in the table.
    file
        The file that is damaged, in the folder of seeds.
    command
        The command line that reads it, run in that folder.
    mutations
        Ways of damaging its bytes.
    share
        How many files of this kind are made, relative to others.
    """

    name: str
    file: str
    command: tuple[str, ...]
    mutations: tuple[Mutation, ...]
    share: float = 1.0


# -- ways of damaging bytes ------------------------------------------------------------------------------


def flip(rng: random.Random, data: bytes) -> bytes:
    """Turn a few bits, half of the time among the first kilobyte, where headers lie."""
    changed = bytearray(data)
    reach = min(len(changed), 1024) if rng.random() < 0.5 else len(changed)
    for _ in range(rng.choice((1, 1, 4, 64))):
        changed[rng.randrange(reach)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: random.Random, data: bytes) -> bytes:
    """Put zeros, 0xFF, random bytes or a text in the place of a stretch."""
    length = rng.choice((1, 4, 8, 64))
    filling = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length), b"\x00\xff\xfe\n\t,\"'{}"))
    place = rng.randrange(len(data))
    return data[:place] + filling + data[place + len(filling) :]


def truncate(rng: random.Random, data: bytes) -> bytes:
    """Keep the beginning only, or nothing."""
    return data[: rng.choice((0, 1, 4, rng.randrange(len(data)), len(data) - 1))]


def insert(rng: random.Random, data: bytes) -> bytes:
    """Insert random bytes, or the file's own once more."""
    place = rng.randrange(len(data))
    return data[:place] + rng.choice((rng.randbytes(16), data, b"\n" * 1000)) + data[place:]


def wrap(rng: random.Random, data: bytes) -> bytes:
    """Compress what isn't compressed, or decompress what is, or begin like another format."""
    if data[:2] == b"\x1f\x8b":
        return rng.choice((gzip.decompress(data), gzip.compress(data)))
    magic = (b"\x1f\x8b\x08\x00", b"BZh9", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"PAR1", b"CRAM", b"\xff\xfe")
    return rng.choice((gzip.compress(data), rng.choice(magic) + data))


BYTES = (flip, overwrite, truncate, insert, wrap)

HOSTILE_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1.5, -0.0, 1e308, 5e-324),
    *(float("nan"), float("inf"), -float("inf"), "", " ", "x", "\x00", "\x1b[2J", "\u202e", "\ud800"),
    *("a" * 100_000, "../../etc/passwd", "/dev/zero", "/", "~nobody/x", "{sample}", "{", "%s%n", "=1+1"),
    *("<script>alert(1)</script>", "nan", "1e999", "0x10", "1_000", "2024-13-45", "(a+)+$", "(" * 5000),
    *([], {}, [[]], [None], {"": None}, [1, "a", None], "0" * 5000, "9" * 5000),
)


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the places of all values of a document; of a long list the first, a middle and the last."""
    found = [place] if place else []
    if isinstance(value, dict):
        parts: list[Any] = list(value.items())
    elif isinstance(value, list):
        parts = [(i, value[i]) for i in sorted({0, len(value) // 2, len(value) - 1}) if value]
    else:
        parts = []
    for key, part in parts:
        found += _places(part, (*place, key))
    return found


def _deep(rng: random.Random) -> Any:
    value: Any = 0
    for _ in range(rng.choice((50, 150))):  # json and yaml of the standard libraries write no deeper
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


def change(rng: random.Random, document: Any) -> Any:
    """Change one or a few values of a document: another value, type or length, a lost or an unknown key."""
    document = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 3))):
        places = _places(document)
        if not places:
            break
        *outer, key = rng.choice(places)
        holder = document
        for step in outer:
            holder = holder[step]
        way = rng.randrange(8)
        if way == 0:
            del holder[key]
        elif way == 1 and isinstance(holder, dict):
            holder[rng.choice(("unknown", "", "\u202e", "a.b", "9"))] = holder[key]
        elif way == 2 and isinstance(holder[key], list):
            holder[key] = holder[key] * rng.choice((0, 2, 100))
        elif way == 3 and isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
            holder[key] = rng.choice(
                (-holder[key], holder[key] * 1e300, float(holder[key]), str(holder[key]))
            )
        elif way == 4:
            holder[key] = _deep(rng)
        else:
            holder[key] = copy.deepcopy(rng.choice(HOSTILE_VALUES))
    return document


def change_json(rng: random.Random, data: bytes) -> bytes:
    """Change values of a JSON document."""
    return json.dumps(change(rng, json.loads(data))).encode("utf-8", "surrogatepass")


def change_json_text(rng: random.Random, data: bytes) -> bytes:
    """Write JSON that json.dumps wouldn't: nesting without end, a key twice, numbers of any length."""
    return rng.choice(
        (
            lambda: b"[" * 100_000 + data,
            lambda: b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
            lambda: data.replace(b"{", b'{"format": 1, "format": 2,', 1),
            lambda: data.replace(b": 1", b": 1" + b"0" * 100_000, 1),
            lambda: data.replace(b": 0.", b': 1e400, "x": 0.', 1),
            lambda: data.replace(b'": "', b'": "\\ud800', 1),
            lambda: b"\xef\xbb\xbf" + data,
            lambda: data.decode().encode("utf-16"),
            lambda: data.replace(b"null", b"NaN"),
            lambda: b"null",
            lambda: b"[]",
            lambda: b"{}",
            lambda: b'{"format": ' + str(rng.choice((1, 2, 3, 4, 5, 99))).encode() + b"}",
        )
    )()


def change_yaml(rng: random.Random, data: bytes) -> bytes:
    """Change values of a YAML document."""
    changed = change(rng, yaml.safe_load(data))
    return yaml.safe_dump(changed, allow_unicode=False).encode("utf-8", "surrogatepass")


def change_yaml_text(rng: random.Random, data: bytes) -> bytes:
    """Write YAML that a dump wouldn't: aliases, tags, anchors, nesting, a key twice, dates, merges."""
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    return rng.choice(
        (
            lambda: bomb.encode() + data,
            lambda: b"x: " + b"[" * 20_000 + b"\n" + data,
            lambda: b"x: " + b"{a: " * 20_000 + b"\n" + data,
            lambda: b"title: !!python/object/apply:os.system ['true']\n" + data,
            lambda: b"seed: !!binary aGk=\n" + data,
            lambda: b"seed: !!set {1}\n" + data,
            lambda: b"seed: !!timestamp 2024-13-45\n" + data,
            lambda: b"? [1, 2]\n: 3\n" + data,
            lambda: b"1: 2\ntrue: 3\nnull: 4\n" + data,
            lambda: data + data,
            lambda: b"--- 1\n--- 2\n" + data,
            lambda: b"<<: {seed: 1}\n" + data,
            lambda: b"<<: [1]\n" + data,
            lambda: b"seed: " + b"9" * 10_000 + b"\n" + data,
            lambda: b"seed: 0x" + b"f" * 1_000 + b"\n" + data,
            lambda: b"seed: 190:20:30\n" + data,
            lambda: b'title: "\\ud800"\n' + data,
            lambda: b'title: "\\0"\n' + data,
            lambda: b"title: " + b"x" * (2 << 20) + b"\n" + data,
            lambda: b"#" * rng.choice((1_000, 900_000)) + b"\n" + data,
            lambda: b"\x00" + data,
            lambda: b"%YAML 9.9\n---\n" + data,
        )
    )()


PATTERNS = (
    *("(a|a)*$", "(.*)*x", "(g0_.*)*y", "(" * 200 + ")" * 200, "a{99999999999}", "(?P<n>x)(?P<n>y)"),
    *("(?:[a-z0-9_]+)+!", "(\\w+\\d*)+$x", "(?=(g.*)+z)", "\\", "[", "(?i)(x+x+)+y", "((a+)+)+b"),
)


def change_pattern(rng: random.Random, data: bytes) -> bytes:
    """Give a pattern that can't be compiled, or one that doesn't end."""
    settings = yaml.safe_load(data)
    groups = settings["features"]["table"]["groups"]
    groups[next(iter(groups))] = {"pattern": rng.choice(PATTERNS)}
    return yaml.safe_dump(settings).encode()


def change_cells(rng: random.Random, data: bytes) -> bytes:
    """Change cells, lines, separators or quotes of a table of text."""
    text = data.decode()
    lines = text.split("\n")
    sign = "\t" if "\t" in text else ","
    for _ in range(rng.choice((1, 1, 5))):
        row = rng.choice((0, 1, rng.randrange(len(lines))))
        cells = lines[row].split(sign)
        column = rng.randrange(len(cells))
        way = rng.randrange(9)
        if way == 0:
            lines.insert(row, lines[rng.randrange(len(lines))])
        elif way == 1:
            del cells[column]
        elif way == 2:
            cells.insert(column, "x")
        elif way == 3:
            cells[column] = '"' + cells[column]
        elif way == 4:
            cells = [*cells, *cells]
        elif way == 5:
            cells = [cell + sign for cell in cells]
        else:
            value = rng.choice(HOSTILE_VALUES)
            cells[column] = str(value)
        lines[row] = sign.join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def change_text(rng: random.Random, data: bytes) -> bytes:
    """Change the whole text: another encoding, line ends, separators, length."""
    return rng.choice(
        (
            lambda: data.decode().encode("utf-16"),
            lambda: data.replace(b"\n", b"\r"),
            lambda: data.replace(b"\n", b"\r\n"),
            lambda: data.replace(b"\n", b"\n\n"),
            lambda: data.replace(b"\t", b";").replace(b",", b";"),
            lambda: data + b"\xff\xfe\n",
            lambda: data.split(b"\n")[0] + b"\n",
            lambda: b"\n" * 200_000,
            lambda: b"\x00" * 200_000,
            lambda: b"x" * 3_000_000,
            lambda: b"," * 200_000 + b"\n" + data,
            lambda: b"\t" * 200_000 + b"\n" + data,
            lambda: b'"' + data,
            lambda: data + data,
            lambda: b"\xef\xbb\xbf" + data,
            lambda: data.replace(b"\n", b"\x0b\n").replace(b"S0", b"\x85S0"),
            lambda: data.replace(b"0", "\u0660".encode()),
        )
    )()


def change_gzip(rng: random.Random, data: bytes) -> bytes:
    """Change the text inside of a gzip file, or make it unpack to much more than it is."""
    if rng.random() < 0.3:
        return gzip.compress(rng.choice((b"\n", b"\x00", b"#\n", b"x", b"chr1\t1\t2\n")) * 50_000_000, 9)
    changed = rng.choice((change_cells, change_text, flip, overwrite))(rng, gzip.decompress(data))
    return gzip.compress(changed, 1)


def _bgzip(data: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x")
        with pysam.BGZFile(str(path), "wb", None) as file:
            file.write(data)
        return path.read_bytes()


def _header_end(raw: bytes) -> int:
    """Return where the records of a decompressed BAM begin."""
    at = 8 + int.from_bytes(raw[4:8], "little")
    contigs, at = int.from_bytes(raw[at : at + 4], "little"), at + 4
    for _ in range(contigs):
        at += 8 + int.from_bytes(raw[at : at + 4], "little")
    return at


def change_bam_header(rng: random.Random, data: bytes) -> bytes:
    """Change the text or the binary part of a BAM header."""
    raw = gzip.decompress(data)
    end, size = _header_end(raw), int.from_bytes(raw[4:8], "little")
    if rng.random() < 0.6:
        text = bytearray(raw[8 : 8 + size])
        place = rng.randrange(max(len(text), 1))
        piece = rng.choice(
            (b"\xe9", b"\xff\xfe", b"\x00", b"@CO\t\xfc\n", b"@SQ\tSN:chr1\tLN:5\n", b"@SQ\n", b"\n\n",
             b"@XX\t\n", b"@CO\t" + b"x" * 1_000_000 + b"\n", b"@RG\tID:\ud8\n",
             b"@HD\tVN:9\tSO:queryname\n", b"@",
             rng.randbytes(20))
        )  # fmt: skip
        text[place:place] = piece
        told = rng.choice((len(text), len(text), len(text), 0, 2**31 - 1, 2**32 - 1, size))
        return _bgzip(raw[:4] + told.to_bytes(4, "little") + bytes(text) + raw[8 + size :])
    return _bgzip(rng.choice((flip, overwrite, truncate, insert))(rng, raw[:end]) + raw[end:])


def change_bam_record(rng: random.Random, data: bytes) -> bytes:
    """Change bytes of the records of a BAM file, most often of one record's fixed fields."""
    raw = gzip.decompress(data)
    end = _header_end(raw)
    body = bytearray(raw[end:])
    at, starts = 0, []
    while at < len(body):
        starts.append(at)
        at += 4 + int.from_bytes(body[at : at + 4], "little")
    for _ in range(rng.choice((1, 1, 10))):
        begin = rng.choice(starts)
        place = begin + rng.randrange(36 if rng.random() < 0.6 else 150)
        filling = rng.choice((b"\xff" * 4, b"\x00" * 4, b"\x80", b"\x7f", rng.randbytes(1), rng.randbytes(4)))
        body[place : place + len(filling)] = filling[: max(0, len(body) - place)]
    return _bgzip(raw[:end] + bytes(body))


def change_safetensors(rng: random.Random, data: bytes) -> bytes:
    """Change the header of a safetensors file."""
    size = int.from_bytes(data[:8], "little")
    way = rng.randrange(4)
    if way == 0:
        return rng.choice((0, 2**63, 2**64 - 1, size + 1, len(data))).to_bytes(8, "little") + data[8:]
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    header = deep if way == 1 else change_json(rng, data[8 : 8 + size])
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def change_parquet(rng: random.Random, data: bytes) -> bytes:
    """Write the table with another type of column, or damage the footer, where the schema lies."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    if rng.random() < 0.5:
        place = len(data) - 8 - rng.randrange(min(2_000, len(data) - 8))
        return data[:place] + rng.randbytes(rng.choice((1, 4))) + data[place + 4 :]
    table = pq.read_table(io.BytesIO(data))
    n, at = table.num_rows, rng.randrange(table.num_columns)
    columns = (
        pa.array([[1]] * n),
        pa.array([{"a": 1}] * n),
        pa.array([b"\xff\xfe"] * n),
        pa.array([None] * n),
        pa.array([2**63] * n, pa.uint64()),
        pa.array([True] * n),
        pa.array([1] * n, pa.timestamp("ns")),
        pa.array([1] * n, pa.duration("s")),
        pa.array([float("inf")] * n),
        pa.array(["a"] * n).dictionary_encode(),
        pa.array([1] * n, pa.decimal128(38, 0)),
        pa.array(["x" * 100_000] * n),
        pa.array([0] * n, pa.date32()),
        pa.array([1.0] * n, pa.float16()),
    )
    names = table.column_names
    if rng.random() < 0.3:
        names[at] = rng.choice(("", "\x00", names[0], "a\nb", "x" * 10_000, "\u202e"))
        table = table.rename_columns(names)
    else:
        table = table.set_column(at, names[at], rng.choice(columns))
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def change_h5ad(rng: random.Random, data: bytes) -> bytes:
    """Change one thing in an HDF5 file by the library itself: a type, a link, a shape, an attribute."""
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.h5ad")
        path.write_bytes(data)
        with h5py.File(path, "r+") as file:
            names: list[str] = []
            file.visit(names.append)
            name = rng.choice([*names, "X", "obs", "var"])
            way = rng.randrange(9)
            if way == 0:
                del file[name]
            elif way in (1, 2):
                del file[name]
                file[name] = rng.choice(
                    (np.ones((2, 2), complex), np.array([b"x"]), np.zeros((0, 5)), np.float64(1),
                     np.zeros((3, 3, 3)), np.zeros(1, [("a", "i4")]), h5py.SoftLink("/X"),
                     h5py.ExternalLink("other.h5", "/X"),
                     h5py.SoftLink("/" + name), h5py.Empty("f"))
                )  # fmt: skip
            elif way == 3:
                del file["X"]
                file.create_dataset("X", (10**6, 10**6), dtype="f8", chunks=True)
            elif way == 4:
                del file["X"]
                file.create_dataset("X", (40, 6), dtype="f8", external=[("/dev/zero", 0, 2000)])
            elif way == 5:
                item = file[name]
                for key in list(item.attrs):
                    item.attrs[key] = rng.choice(("x", 1, "0.9.9", "csr_matrix"))
            elif way == 6:
                file.attrs["encoding-type"] = "raw"
            elif way == 7:
                group = file.create_group("uns/deep")
                for _ in range(2_000):
                    group = group.create_group("a")
            else:
                file["obs/loop"] = file["/"]  # a hard link to what holds it
        return path.read_bytes()


TEXT = (change_cells, change_cells, change_text, *BYTES)
JSON = (change_json, change_json, change_json_text, *BYTES)
YAML = (change_yaml, change_yaml, change_yaml_text, *BYTES)

# -- no regular files, in the place of any ---------------------------------------------------------------


def irregular(rng: random.Random, path: Path) -> str:
    """Put what is no regular file in the place of a file; return what it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    what = rng.choice(("fifo", "folder", "loop", "dangling", "zero", "random", "tty", "unreadable", "none"))
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "loop":
        path.symlink_to(path.name)
    elif what == "dangling":
        path.symlink_to("nowhere")
    elif what in ("zero", "random", "tty"):
        path.symlink_to({"zero": "/dev/zero", "random": "/dev/urandom", "tty": "/dev/tty"}[what])
    elif what == "unreadable":
        path.write_bytes(b"x")
        path.chmod(0)
    return what


# -- sound files -----------------------------------------------------------------------------------------

SCORE = (
    "score",
    "--proxy",
    "table/results/proxy.json",
    "--table",
    "table/cohort.parquet",
    "--out",
    "scored.tsv",
)
EXTRACT = ("extract", "--sample", "S1", "--config")
MODEL = ("models", "check", "--config")


def make_seeds(folder: Path) -> list[Kind]:
    """Write sound files of all kinds and return the kinds."""
    kinds = [*_tables(folder), *_alignments(folder), *_models(folder)]
    (folder / "results").mkdir(exist_ok=True)
    return kinds


def _tables(folder: Path) -> list[Kind]:
    import anndata
    from frozen_table import TableWorld, finished_table_run

    made = Path(finished_table_run(TableWorld(per_class=20), folder).outdir).parent
    made.rename(folder / "table")
    rng = np.random.default_rng(5)
    n = 40
    features = pd.DataFrame({f"g{k}_{i}": rng.normal(size=n) for k in range(2) for i in range(3)})
    people = pd.DataFrame(
        {
            "sample": [f"S{i:02d}" for i in range(n)],
            "label": np.arange(n) % 2,
            "role": np.repeat(["discovery", "heldout"], n // 2),
            "site": np.where(rng.random(n) < 0.5, "A", "B"),
            "age": rng.integers(40, 80, n),
            "sex": np.where(rng.random(n) < 0.5, "F", "M"),
            "depth": rng.normal(20, 2, n),
        }
    )
    table = pd.concat([people, features], axis=1)
    table.to_csv(folder / "t.csv", index=False)
    table.to_csv(folder / "t.tsv", index=False, sep="\t")
    table.to_parquet(folder / "t.parquet")
    obs = people.set_index("sample").astype({"label": str})
    anndata.AnnData(features.to_numpy(), obs=obs, var=pd.DataFrame(index=features.columns)).write_h5ad(
        folder / "t.h5ad"
    )
    groups = {"fragment_length": {"pattern": "g0_.*"}, "methylation": {"prefix": "g1_"}}
    columns = {
        "sample": "sample",
        "label": "label",
        "role": "role",
        "site": "site",
        "age": "age",
        "sex": "sex",
    }
    for suffix in ("csv", "tsv", "parquet", "h5ad"):
        settings = {
            "outdir": "out_table",
            "title": "hostile",
            "seed": 1,
            "model": {"folds": 3},
            "proxy": {"penalty": "l2"},
            "mediators": ["depth"],
            "features": {
                "table": {"path": f"t.{suffix}", "columns": columns, "groups": groups, "technical": ["depth"]}
            },
        }
        (folder / f"{suffix}.yaml").write_text(yaml.safe_dump(settings))
    results = [
        Kind(
            "result JSON",
            f"table/results/{name}.json",
            ("verdict", "--config", "table/config.yaml"),
            JSON,
            0.4,
        )
        for name in ("dominance", "validation", "audit", "protocol")
    ]
    return [
        Kind("config", "csv.yaml", ("check", "--config", "csv.yaml"), (*YAML, change_pattern), 2),
        Kind("CSV table", "t.csv", ("check", "--config", "csv.yaml"), TEXT),
        Kind("tab-separated table", "t.tsv", ("check", "--config", "tsv.yaml"), TEXT, 0.5),
        Kind("Parquet table", "t.parquet", ("check", "--config", "parquet.yaml"), (change_parquet, *BYTES)),
        Kind("h5ad table", "t.h5ad", ("check", "--config", "h5ad.yaml"), (change_h5ad, *BYTES)),
        Kind("proxy JSON", "table/results/proxy.json", SCORE, JSON, 2),
        Kind("proxy JSON", "bam_proxy.json", ("score", "--proxy", "bam_proxy.json", "a.bam"), JSON, 0.5),
        Kind("table to score", "table/cohort.parquet", SCORE, (change_parquet, *BYTES), 0.3),
        *results,
    ]


def _alignments(folder: Path) -> list[Kind]:
    from bams import CONTIGS, GENOME, mates, random_molecules, write_atlas, write_bam, write_build
    from genomes import write_fasta
    from made_proxy import proxy
    from msgspec.structs import replace

    from cfdna_interp.config.settings import Extract, Reference
    from cfdna_interp.proxy.linear import Linear
    from cfdna_interp.records.base import save_record

    molecules = [m for contig in CONTIGS for m in random_molecules(120, 3, contig, f"{contig}m")]
    records = [mate for molecule in molecules for mate in mates(molecule)]
    write_bam(folder / "a.bam", records)
    write_fasta(folder / "genome.fa", GENOME)
    write_build(folder / "build.tsv")
    with (
        pysam.AlignmentFile(str(folder / "a.bam")) as source,
        pysam.AlignmentFile(
            str(folder / "a.cram"), "wc", template=source, reference_filename=str(folder / "genome.fa")
        ) as target,
    ):
        for record in source.fetch(until_eof=True):
            target.write(record)
    pysam.index(str(folder / "a.cram"))
    lines = [
        f"{m.contig}\t{m.start}\t{m.end}\t60\t+\n"
        for m in sorted(molecules, key=lambda m: (m.contig, m.start))
    ]
    (folder / "a.frag.gz").write_bytes(gzip.compress("".join(lines).encode()))
    (folder / "a.bed").write_text("".join("\t".join(line.split("\t")[:3]) + "\n" for line in lines))
    (folder / "black.bed").write_text("chr1\t10000\t12000\nchr1\t30000\t30500\nchr2\t5000\t5001\n")
    (folder / "context.bed").write_text("chr1\t1000\t20000\tisland\nchr2\t1000\t20000\tshore\n")
    blocks = [("chr1", 1000 * i, 1000 * i + 300, "liver" if i % 2 else "blood", "U") for i in range(1, 50)]
    write_atlas(
        folder / "atlas.tsv", blocks, {"liver": [0.9, 0.1] * 24 + [0.9], "blood": [0.1, 0.9] * 24 + [0.1]}
    )
    rows = [
        f"S{i}\tP{i}\t{{bam}}\t{i % 2}\t{'discovery' if i <= 2 else 'heldout'}\tsite{i % 2}\t6{i}\tF\t2.5\n"
        for i in range(1, 5)
    ]
    header = "sample\tsubject\tbam\tlabel\trole\tsite\tage\tsex\thours_to_spin\n"
    for name, file, further in (
        ("bam", "a.bam", {"blacklist": "black.bed", "methylation": "xm"}),
        ("cram", "a.cram", {"methylation": "xm"}),
        ("frag", "a.frag.gz", {"methylation": "none"}),
        ("bed", "a.bed", {"methylation": "none"}),
        ("fasta", "a.bam", {"motifs": "reference", "methylation": "xm"}),
    ):
        text = header + "".join(
            row.replace("{bam}", file if i == 0 else f"other{i}{file}") for i, row in enumerate(rows)
        )
        (folder / f"{name}.sheet.tsv").write_text(text)
        settings = {
            "sheet": f"{name}.sheet.tsv",
            "outdir": f"out_{name}",
            "atlas": "atlas.tsv",
            "reference": {"build": "build.tsv"}
            | ({"fasta": "genome.fa"} if name in ("cram", "fasta") else {}),
            "extract": {"contigs": "all", "min_fragments": 50, **further},
            "features": {"window": 10_000} | ({"annotation": "context.bed"} if name == "bam" else {}),
        }
        if name in ("frag", "bed"):
            del settings["atlas"]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    linear = Linear(
        names=("length_mode", "length_below_mode"),
        impute=np.full(2, 100.0),
        mean=np.full(2, 100.0),
        scale=np.ones(2),
        coefficient=np.ones(2),
        intercept=0.5,
        C=1.0,
        draws=np.ones((3, 3)),
    )
    record = proxy(linear)
    settings = replace(
        record.settings,
        reference=Reference(build="build.tsv"),
        extract=Extract(contigs="all", min_fragments=50, methylation="xm"),
    )
    save_record(replace(record, settings=settings), folder / "bam_proxy.json")

    def extract(
        name: str, file: str, config: str, mutations: tuple[Mutation, ...], share: float = 1.0
    ) -> Kind:
        return Kind(name, file, (*EXTRACT, f"{config}.yaml"), mutations, share)

    return [
        Kind("sheet", "bam.sheet.tsv", ("cohort", "--config", "bam.yaml"), TEXT, 1.5),
        extract("BAM header", "a.bam", "bam", (change_bam_header,)),
        extract("BAM record", "a.bam", "bam", (change_bam_record, change_bam_record, *BYTES)),
        extract("BAM index", "a.bam.bai", "bam", BYTES, 0.3),
        extract("CRAM", "a.cram", "cram", BYTES, 0.7),
        extract("CRAM index", "a.cram.crai", "cram", (change_gzip, *BYTES), 0.3),
        extract("frag.gz", "a.frag.gz", "frag", (change_gzip, change_gzip, *BYTES)),
        extract("BED of fragments", "a.bed", "bed", TEXT, 0.5),
        extract("BED", "black.bed", "bam", TEXT, 0.5),
        extract("BED", "context.bed", "bam", TEXT, 0.5),
        extract("FASTA", "genome.fa", "fasta", (change_text, *BYTES), 0.5),
        extract("FASTA", "genome.fa.fai", "fasta", TEXT, 0.5),
        extract("contig table", "build.tsv", "bam", TEXT, 0.4),
        Kind("atlas", "atlas.tsv", ("atlas", "check", "--atlas", "atlas.tsv"), TEXT),
    ]


def _models(folder: Path) -> list[Kind]:
    import torch
    from safetensors.torch import save_file
    from tiny_models import causal_folder
    from toy_factories import Counting

    torch.manual_seed(0)
    torch.set_num_threads(1)
    save_file(Counting().state_dict(), folder / "weights.safetensors")
    causal_folder(folder / "model")
    scores = "sample\tlogit\n" + "".join(f"S{i}\t{i / 10}\n" for i in range(1, 5))
    (folder / "scores.tsv").write_text(scores)
    common = {"sheet": "bam.sheet.tsv", "outdir": "out_model"}
    module = {
        "encoder": "torch_module",
        "checkpoint": "weights.safetensors",
        "factory": "toy_factories:Counting",
    }
    (folder / "module.yaml").write_text(yaml.safe_dump({**common, "model": module}))
    causal = {"encoder": "transformers", "checkpoint": "model", "rendering": "model/rendering.yaml"}
    reference = {"fasta": "genome.fa", "build": "build.tsv"}
    (folder / "foreign.yaml").write_text(yaml.safe_dump({**common, "reference": reference, "model": causal}))

    def foreign(name: str, file: str, mutations: tuple[Mutation, ...], share: float) -> Kind:
        return Kind(name, f"model/{file}", (*MODEL, "foreign.yaml"), mutations, share)

    return [
        Kind("safetensors", "weights.safetensors", (*MODEL, "module.yaml"), (change_safetensors, *BYTES)),
        foreign("tokenizer folder", "tokenizer.json", JSON, 0.7),
        foreign("tokenizer folder", "tokenizer_config.json", JSON, 0.4),
        foreign("checkpoint folder", "config.json", JSON, 0.7),
        foreign("checkpoint folder", "model.safetensors", (change_safetensors, *BYTES), 0.5),
        foreign("checkpoint folder", "rendering.yaml", YAML, 0.5),
    ]


# -- one command on one file -----------------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """How a command ended: one of ``ENDS``, and what it said."""

    how: str
    said: str


def run_command(arguments: tuple[str, ...], folder: Path, seconds: int = WAITING) -> End:
    """Run a command in a process of its own, made from this one so that nothing is imported anew."""
    log = folder / ".said"
    child = os.fork()
    if child == 0:
        _become(arguments, folder, log, seconds > WAITING)
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return End("fault", f"no end in {seconds} s")
        time.sleep(0.003)
    said = log.read_text(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return End("fault", f"signal {signal.Signals(-code).name}: {said[-300:]}")
    if "Traceback (most recent call last)" in said:
        return End("fault", f"traceback: {said[-1500:]}")
    if code == 0:
        return End("accepted", said)
    lines = [line for line in said.splitlines() if line.startswith(("cfdna-interp: ", "Error: ", "... and "))]
    findings = " faults in " in said  # of `models check`
    if code == 2 and (lines or findings):
        return End("refused", said)
    return End("fault", f"exit code {code}: {said[-600:]}")


def _become(arguments: tuple[str, ...], folder: Path, log: Path, compiling: bool) -> None:
    """Turn this process into a command; never returns."""
    code = 99
    try:
        os.setsid()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if not compiling:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        sys.argv = ["cfdna-interp", *arguments]
        from cfdna_interp.cli import main

        main()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


# -- the bench -------------------------------------------------------------------------------------------


def plan(kinds: list[Kind], files: int, only: str) -> list[tuple[int, Kind]]:
    """Return as many cases as asked for, each with its seed."""
    kinds = [kind for kind in kinds if only in kind.name]
    total = sum(kind.share for kind in kinds)
    cases = [kind for kind in kinds for _ in range(max(4, -(-int(files * kind.share) // int(total) or 1)))]
    return list(enumerate(cases))


def run_cases(cases: list[tuple[int, Kind]], seeds: Path, first: int, out: Path, results: Path) -> None:
    """Run cases in a copy of the seeds and write a line for each."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    shutil.copytree(seeds, folder / "work")
    work = folder / "work"
    try:
        with open(results, "w", encoding="utf-8") as lines:
            for number, kind in cases:
                rng = random.Random(first * 1_000_003 + number)
                path = work / kind.file
                sound = path.read_bytes()
                if rng.random() < 0.06:
                    how = irregular(rng, path)
                else:
                    mutation = rng.choice(kind.mutations)
                    how = mutation.__name__
                    try:
                        path.write_bytes(mutation(rng, sound))
                    except Exception as error:  # what this mutation asks for isn't in this file
                        how = f"flip ({type(error).__name__} in {how})"
                        path.write_bytes(flip(rng, sound))
                end = run_command(kind.command, work)
                if end.how == "fault":
                    out.mkdir(parents=True, exist_ok=True)
                    if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                        shutil.copy(path, out / f"{number}.{path.name}")
                record = {"number": number, "kind": kind.name, "file": kind.file, "by": how, "end": end.how}
                lines.write(json.dumps({**record, "said": end.said[-2000:]}) + "\n")
                lines.flush()
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
                path.write_bytes(sound)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Make the files, run the commands, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    began = time.monotonic()
    seeds = Path(tempfile.mkdtemp(prefix="hostile-seeds-"))
    try:
        return _bench(arguments, seeds, began)
    finally:
        shutil.rmtree(seeds, ignore_errors=True)


def _bench(arguments: argparse.Namespace, seeds: Path, began: float) -> int:
    kinds = make_seeds(seeds)
    commands = {kind.command: kind for kind in kinds if arguments.only in kind.name}
    # Imported once, before processes are made from this one.
    for name in (
        "models.check",
        "features.extract",
        "proxy.score_table",
        "verdict.verdict",
        "cohort.table_check",
    ):
        import_module(f"cfdna_interp.{name}")
    for command, kind in commands.items():
        end = run_command(command, seeds, COMPILING)
        if end.how == "fault" or (end.how == "refused" and "bam_proxy" not in kind.file):
            print(f"the sound {kind.file} is not accepted by {' '.join(command)}: {end.said}")
            return 1
    cases = plan(kinds, arguments.files, arguments.only)
    arguments.out.mkdir(parents=True, exist_ok=True)
    children, parts = [], []
    for worker in range(arguments.workers):
        parts.append(arguments.out / f"results.{worker}.jsonl")
        child = os.fork()
        if child == 0:
            try:
                run_cases(
                    cases[worker :: arguments.workers], seeds, arguments.first, arguments.out, parts[-1]
                )
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        children.append(child)
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    return 1 if failed else _print(parts, began)


def _print(parts: list[Path], began: float) -> int:
    records = [json.loads(line) for part in parts for line in part.read_text().splitlines()]
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        ends[record["kind"]][record["end"]] += 1
    print("| kind | files | " + " | ".join(ENDS) + " |")
    print("|---" * (2 + len(ENDS)) + "|")
    total: Counter[str] = Counter()
    for kind, counts in ends.items():
        print(f"| {kind} | {counts.total():,} | " + " | ".join(f"{counts[end]:,}" for end in ENDS) + " |")
        total += counts
    print(f"| all | {total.total():,} | " + " | ".join(f"{total[end]:,}" for end in ENDS) + " |")
    print(f"{time.monotonic() - began:.0f} s")
    for record in records:
        if record["end"] == "fault":
            print(f"{record['number']} {record['file']} ({record['by']}): {record['said']}")
    return 1 if total["fault"] else 0


if __name__ == "__main__":
    sys.exit(main())
