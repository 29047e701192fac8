"""Records: what is saved is loaded again, and a damaged file is an error that names the place."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
import pytest

from cfdna_interp.errors import InputError
from cfdna_interp.records.base import Record, ResultFile, load_record, save_record
from cfdna_interp.records.docs import descriptions, parts_of, result_files, written
from cfdna_interp.records.values import Interval, interval_of

DOCS = Path(__file__).parents[2] / "docs" / "files.md"


class Part(Record, frozen=True, kw_only=True):
    """A part."""

    word: Literal["a", "b"]
    number: float | None


class Whole(ResultFile, frozen=True, kw_only=True):
    """A file."""

    FILE: ClassVar[str] = "whole.json"
    STAGE: ClassVar[str] = "made-up"
    FORMAT: ClassVar[int] = 3

    parts: tuple[Part, ...]
    by_name: dict[str, Part] = msgspec.field(default_factory=dict)
    share: float = 0.0


WHOLE = Whole(parts=(Part(word="a", number=0.1), Part(word="b", number=None)), share=1 / 3)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save_record(WHOLE, tmp_path / "whole.json")
    assert load_record(Whole, tmp_path / "whole.json") == WHOLE
    assert json.loads((tmp_path / "whole.json").read_text()) == {
        "format": 3,
        "parts": [{"word": "a", "number": 0.1}, {"word": "b", "number": None}],
        "by_name": {},
        "share": 1 / 3,
    }


class Cat(Record, frozen=True, kw_only=True, tag="cat"):
    """One of two."""

    lives: int


class Dog(Record, frozen=True, kw_only=True, tag="dog"):
    """The other."""

    tricks: int


class Pets(ResultFile, frozen=True, kw_only=True):
    """A file with a union of records."""

    FILE: ClassVar[str] = "pets.json"
    STAGE: ClassVar[str] = "made-up"

    pets: tuple[Cat | Dog, ...]


def test_a_union_of_records_is_loaded_by_its_tag(tmp_path: Path) -> None:
    pets = Pets(pets=(Dog(tricks=1), Cat(lives=9)))
    save_record(pets, tmp_path / "pets.json")
    assert load_record(Pets, tmp_path / "pets.json") == pets
    stored = json.loads((tmp_path / "pets.json").read_text())
    del stored["pets"][0]["type"]
    (tmp_path / "pets.json").write_text(json.dumps(stored))
    with pytest.raises(
        InputError, match=r"pets\.json has no usable 'pets\[0\]\.type'.*run the made-up stage again"
    ):
        load_record(Pets, tmp_path / "pets.json")


def test_numbers_of_numpy_and_nan_are_plain_numbers_and_null(tmp_path: Path) -> None:
    parts = (
        Part(word="a", number=np.float64(0.1)),
        Part(word="a", number=np.float32(0.5)),
        Part(word="b", number=math.nan),
    )
    save_record(Whole(parts=parts), tmp_path / "whole.json")
    assert [part.number for part in load_record(Whole, tmp_path / "whole.json").parts] == [0.1, 0.5, None]


def test_equal_records_are_equal_bytes_whatever_the_order_of_names(tmp_path: Path) -> None:
    one, other = Part(word="a", number=1.0), Part(word="b", number=2.0)
    for name, by_name in (("x", {"p": one, "q": other}), ("y", {"q": other, "p": one})):
        save_record(Whole(parts=(), by_name=by_name), tmp_path / name)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_a_record_that_its_type_forbids_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(msgspec.ValidationError, match="word"):
        save_record(Whole(parts=(Part(word="c", number=1.0),)), tmp_path / "whole.json")  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def stored(**changes: Any) -> dict[str, Any]:
    return {"format": 3, "parts": [{"word": "a", "number": 0.5}], "by_name": {}, "share": 0.5} | changes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (stored(format=2), r"is of format 2, this version reads format 3; run the made-up stage again"),
        ({"parts": []}, r"is of no format, this version reads format 3; run the made-up stage again"),
        (stored(parts=[{"word": "a"}]), r"no usable 'parts\[0\]\.number'.*run the made-up stage again"),
        (stored(parts=[{"word": "z", "number": 1}]), r"no usable 'parts\[0\]\.word' .*'z'"),
        (stored(share="x"), r"no usable 'share' .*Expected `float`, got `str`"),
        (stored(by_name={"p": {"word": "a"}}), r"no usable 'by_name\[\.\.\.\]\.number'"),
        ({"format": 3, "parts": [], "by_name": {}}, r"no usable 'share' \(missing or unknown"),
        (stored(more=1), r"unknown field `more`.*run the made-up stage again"),
        ({"format": "x"}, r"no usable 'format'"),
        ([], r"no usable 'content' .*run the made-up stage again"),
    ],
    ids=lambda value: None if isinstance(value, str) else json.dumps(value)[:40],
)
def test_a_damaged_file_is_named_with_place_and_stage(tmp_path: Path, content: object, said: str) -> None:
    path = tmp_path / "whole.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"whole\.json.*{said}"):
        load_record(Whole, path)


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 3', b"\xff\xfe", b"null"])
def test_what_is_no_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "whole.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"whole\.json.*run the made-up stage again"):
        load_record(Whole, path)


def test_a_file_that_is_not_there_names_the_stage_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"whole\.json does not exist; run the made-up stage first"):
        load_record(Whole, tmp_path / "whole.json")


def test_an_interval_without_ends_has_null() -> None:
    class Estimate:
        value, low, high = 0.5, math.nan, math.inf

    assert interval_of(Estimate()) == Interval(value=0.5, low=None, high=None)


@pytest.mark.parametrize(
    "kind", [kind for kind in result_files() if kind is not Whole], ids=lambda kind: kind.FILE
)
def test_every_field_is_described(kind: type[ResultFile]) -> None:
    for part in (kind, *parts_of(kind)):
        assert set(descriptions(part)) == set(part.__struct_fields__), part


def test_the_page_of_files_is_what_the_types_say() -> None:
    assert DOCS.read_text() == written(DOCS)
