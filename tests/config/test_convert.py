"""From plain values to types: what is refused has its place, the value and what is allowed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from cfdna_interp.config.allowed import allowed
from cfdna_interp.config.convert import SettingError, check_distinct, decode, encode
from cfdna_interp.config.table_settings import Cell, Code


class Wheel(Struct, frozen=True, forbid_unknown_fields=True):
    inches: Annotated[int, Meta(ge=10, le=29)]
    kind: Literal["road", "off-road"] = "road"


class Bicycle(Struct, frozen=True, forbid_unknown_fields=True):
    wheels: dict[str, Wheel]
    gears: tuple[Annotated[float, Meta(gt=0)], ...] = ()
    names: tuple[str, ...] = ()
    plate: Cell = Code("none")
    spare: Wheel | None = None

    def __post_init__(self) -> None:
        check_distinct("names", self.names)


def refused(value: Any, kind: Any = Bicycle, place: str = "") -> SettingError:
    with pytest.raises(SettingError) as caught:
        decode(value, kind, place)
    return caught.value


def test_what_is_allowed_becomes_the_type() -> None:
    value = {"wheels": {"front": {"inches": 28}}, "gears": [1, 2.5], "plate": 7, "spare": {"inches": 20}}
    bicycle = decode(value, Bicycle)
    assert bicycle == Bicycle({"front": Wheel(28)}, (1.0, 2.5), (), Code("7"), Wheel(20))
    assert [type(gear) for gear in bicycle.gears] == [float, float]
    record = encode(bicycle)
    assert record["plate"] == "7" and type(record["plate"]) is str
    assert decode(record | {"gears": list(record["gears"]), "names": []}, Bicycle) == bicycle


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        ({"wheels": {"front": {"inches": 30}}}, "wheels.front.inches", "30 is not allowed; give a whole"),
        ({"wheels": {"front": {}}}, "wheels.front.inches", "the key is missing; give a whole number from 10"),
        ({"wheels": {"front": 28}}, "wheels.front", "28 is not allowed; give a section (keys: inches, kind)"),
        ({"wheels": {"a": {"inches": 20}, "b": {"inch": 2}}}, "wheels.b.inch", "did you mean 'inches'?"),
        ({"spare": {"inches": 20, "kind": "mud"}}, "spare.kind", "'mud' is not allowed; give 'off-road' or"),
        ({"spare": 3}, "spare", "3 is not allowed; give a section (keys: inches, kind) or null"),
        ({"gears": [1, 0]}, "gears.1", "0 is not allowed; give a number above 0"),
        ({"names": ["a", "b", "a"]}, "names", "'a' occurs twice; keep one"),
        ({"plate": True}, "plate", "True is not allowed"),
        # Of several mistakes the outermost key comes first.
        ({"spare": 3, "bell": 1}, "bell", "unknown key; known keys: wheels, gears, names, plate, spare"),
    ],
)  # fmt: skip
def test_the_innermost_wrong_part_is_named(change: dict[str, Any], place: str, problem: str) -> None:
    error = refused({"wheels": {}} | change)
    assert error.place == place
    assert problem in error.problem
    assert str(error) == f"{place}: {error.problem}"


def test_a_place_goes_before_the_keys() -> None:
    assert refused({"names": ["a", "a"], "wheels": {}}, place="shop.first").place == "shop.first.names"
    assert refused(3, Annotated[int, Meta(ge=4)], "shop.count").place == "shop.count"


def test_a_type_holds_its_rule_wherever_it_is_made() -> None:
    with pytest.raises(SettingError, match="names: 'a' occurs twice"):
        Bicycle({}, names=("a", "a"))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (bool, "true or false"),
        (int, "a whole number"),
        (Annotated[int, Meta(ge=1)], "a whole number from 1"),
        (Annotated[float, Meta(gt=0.5, lt=1)], "a number above 0.5 below 1"),
        (str | None, "a text or null"),
        (Literal["a", "b", "c"], "'a', 'b' or 'c'"),
        (Annotated[str, Meta(min_length=1)], "a text that is not empty"),
        (Annotated[str, Meta(pattern="^a+$", description="some letters a")], "some letters a"),
        (Literal["all"] | Annotated[tuple[int, ...], Meta(min_length=1, max_length=3)] | None,
         "'all', a list of at least 1, at most 3, each a whole number or null"),
        (Annotated[tuple[int, ...], Meta(min_length=2, max_length=2)], "a list of 2, each a whole number"),
        (dict[str, Wheel], "a section (a key is a text)"),
    ],
)  # fmt: skip
def test_words_say_what_a_type_allows(kind: Any, words: str) -> None:
    assert allowed(kind) == words
