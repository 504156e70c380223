"""Texts and the values they stand for."""

# ruff: noqa: UP007, UP045 - every spelling of a union is a case

import enum
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Optional, Union
from uuid import UUID

import annotated_types
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nacre.binding.marks import Constraints
from nacre.binding.parser import FAILURES, Parser, Unsupported
from nacre.binding.scalars import text_parser, texts_parser

UTC = timezone.utc  # noqa: UP017 - shorter in the table
ID = UUID("12345678-1234-5678-1234-567812345678")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"
    CRIMSON = "red"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = -2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Size(enum.Enum):
    SMALL = "s"

    @classmethod
    def _missing_(cls, value):
        return cls.SMALL if value == "S" else None


def errors_of(parser: Parser, raw: Any) -> list[dict[str, Any]]:
    """What the parser says of a raw value that it must refuse."""
    with pytest.raises(FAILURES):
        parser.parse(raw)
    return parser.explain(raw)


def run_expression(parser: Parser, raw: Any) -> Any:
    """What a generated binder does."""
    return eval(parser.expression.format(parse="parse", raw="raw"), {"parse": parser.parse, "raw": raw})  # noqa: S307


GOOD: list[tuple[Any, str, Any]] = [
    (str, "", ""),
    (str, "a b\0é🐚", "a b\0é🐚"),
    (NewType("Name", str), "x", "x"),
    (int, "0", 0),
    (int, "007", 7),
    (int, "-12", -12),
    (int, "+12", 12),
    (int, "9" * 30, int("9" * 30)),
    (int, "-" + "9" * 4300, -int("9" * 4300)),
    (float, "1", 1.0),
    (float, "-1.5", -1.5),
    (float, ".5", 0.5),
    (float, "5.", 5.0),
    (float, "+2e-3", 0.002),
    (float, "1E5", 1e5),
    (float, "1e-99999", 0.0),
    (Decimal, "1.10", Decimal("1.10")),
    (Decimal, "-1e400", Decimal("-1e400")),
    *((bool, word, True) for word in ("true", "TRUE", "True", "1", "yes", "on", "t", "Y")),
    *((bool, word, False) for word in ("false", "False", "0", "NO", "off", "f", "n")),
    (UUID, str(ID), ID),
    (UUID, ID.hex.upper(), ID),
    (date, "2024-02-29", date(2024, 2, 29)),
    (time, "23:59:59.5", time(23, 59, 59, 500000)),
    (time, "23:59:59Z", time(23, 59, 59, tzinfo=UTC)),
    (datetime, "2024-01-31T10:00:00Z", datetime(2024, 1, 31, 10, tzinfo=UTC)),
    (datetime, "2024-01-31 10:00:00+02:00", datetime(2024, 1, 31, 10, tzinfo=timezone(timedelta(hours=2)))),
    (datetime, "2024-01-31T10:00:00", datetime(2024, 1, 31, 10)),
    (Annotated[datetime, msgspec.Meta(tz=True)], "2024-01-31T10:00:00Z", datetime(2024, 1, 31, 10, tzinfo=UTC)),
    (timedelta, "P1DT2H", timedelta(days=1, hours=2)),
    (timedelta, "1.5", timedelta(seconds=1.5)),
    (timedelta, "-PT1M", timedelta(minutes=-1)),
    (Color, "red", Color.RED),
    (Level, "1", Level.LOW),
    (Level, "-2", Level.HIGH),
    (Rights, "2", Rights.WRITE),
    (Size, "S", Size.SMALL),
    (Literal["a", "b"], "b", "b"),
    (Literal["a", 1, 20], "20", 20),
    (Literal[1, "1"], "1", 1),
    (Literal[True, "x"], "on", True),
    (Optional[int], "5", 5),
    (Optional[str], "", ""),
    (Literal["a", None], "a", "a"),
    (int | str, "5", 5),
    (str | int, "5", 5),
    (str | int, "five", "five"),
    (Union[str, None, date], "2024-01-01", date(2024, 1, 1)),
    (int | bool, "1", 1),
    (bool | int, "1", True),
    (int | bool, "yes", True),
    (float | Literal["all"], "all", "all"),
    (Annotated[int, msgspec.Meta(ge=1)] | Annotated[str, msgspec.Meta(pattern="^a")], "abc", "abc"),
    (Annotated[int, annotated_types.Interval(ge=1, lt=5)], "4", 4),
    (Annotated[str, annotated_types.Len(2, 3)], "abc", "abc"),
    (Annotated[str, annotated_types.MinLen(1), "a note"], "a", "a"),
]


def case_id(value: object) -> str:
    return repr(value)[:40]


@pytest.mark.parametrize(("type_", "text", "value"), GOOD, ids=case_id)
def test_a_text_becomes_its_value(type_, text, value):
    parser = text_parser(type_, Constraints())
    for made in (parser.parse(text), run_expression(parser, text)):
        assert made == value
        assert type(made) is type(value)


LONG = "9" * 5000
BAD: list[tuple[Any, str, str]] = [
    (str, "\ud800", "string_unicode"),
    *(
        (int, text, "int_parsing")
        for text in (
            "",
            " 1",
            "1 ",
            "1\n",
            "1_0",
            "١",
            "１",
            "1.0",
            "1e3",
            "0x1",
            "--1",
            "+",
            "²",
            LONG,
            "-" + LONG,
            "\ud800",
        )
    ),
    *(
        (float, text, "float_parsing")
        for text in (
            "",
            "nan",
            "NaN",
            "inf",
            "-Infinity",
            "1e999",
            "1_0",
            " 1",
            "1\n",
            "١",
            ".",
            "e5",
            "1,5",
            "0x1p3",
            LONG,
        )
    ),
    *(
        (Decimal, text, "decimal_parsing")
        for text in (
            "",
            "NaN",
            "sNaN",
            "Infinity",
            "1e999999999",
            "0e999999999",
            "1e-999999999",
            "1_0",
            "１",
            LONG,
            "1e" + LONG,
        )
    ),
    *((bool, text, "bool_parsing") for text in ("", "2", "truth", " yes", "ye", "o\u017fn", "\u212a", "None")),
    *(
        (UUID, text, "uuid_parsing")
        for text in ("", f"{{{ID}}}", f"urn:uuid:{ID}", str(ID)[:-1], "1234-" * 8, "g" * 32, "１" * 32)
    ),
    *(
        (date, text, "date_parsing")
        for text in (
            "",
            "2024-02-30",
            "0000-01-01",
            "10000-01-01",
            "20240101",
            "2024-1-1",
            "２024-01-01",
            "2024-01-01T00:00:00",
        )
    ),
    *(
        (datetime, text, "datetime_parsing")
        for text in (
            "",
            "2024-01-01",
            "1700000000",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00 02:00",
            "0000-01-01T00:00:00",
        )
    ),
    *((time, text, "time_parsing") for text in ("", "12:00", "24:00:00", "23:59:60")),
    *(
        (timedelta, text, "time_delta_parsing")
        for text in ("", "P1Y", "P999999999999D", "1e300", "nan", "inf", "1_0", " 1", "１", "9" * 30)
    ),
    (Annotated[datetime, msgspec.Meta(tz=True)], "2024-01-01T00:00:00", "datetime_parsing"),
    (Annotated[datetime, msgspec.Meta(tz=False)], "2024-01-01T00:00:00Z", "datetime_parsing"),
    (Color, "RED", "enum"),
    (Color, "", "enum"),
    (Color, "\ud800", "enum"),
    (Size, "x", "enum"),
    (Level, "3", "enum"),
    (Level, LONG, "enum"),
    (Rights, "3", "enum"),
    (Rights, "-1", "enum"),
    (Literal["a", "b"], "c", "literal_error"),
    (Literal[1], LONG, "literal_error"),
    (Literal[True], "false", "literal_error"),
    (Literal[True], "2", "literal_error"),
    (Optional[int], "", "int_parsing"),
    (Optional[int], "null", "int_parsing"),
    (int | date, "x", "union_error"),
    (int | date, LONG, "union_error"),
    (int | str, "\ud800", "union_error"),
]


@pytest.mark.parametrize(("type_", "text", "error"), BAD, ids=case_id)
def test_a_text_that_is_no_such_value_is_explained_and_not_quoted(type_, text, error):
    parser = text_parser(type_, Constraints())
    [item] = errors_of(parser, text)
    assert item["type"] == error
    assert item["loc"] == []
    assert item["msg"].startswith("is n")
    if len(text) > 4:
        assert text not in repr(item)
    if parser.expression != "{raw}":
        with pytest.raises(FAILURES):
            run_expression(parser, text)


LIMITS: list[tuple[Any, dict[str, Any], list[str], dict[str, tuple[str, dict[str, Any]]]]] = [
    (
        int,
        {"ge": 1, "le": 3},
        ["1", "3"],
        {"0": ("greater_than_equal", {"ge": 1}), "4": ("less_than_equal", {"le": 3})},
    ),
    (int, {"gt": -1.5, "lt": 2}, ["-1", "1"], {"-2": ("greater_than", {"gt": -1.5}), "2": ("less_than", {"lt": 2})}),
    (int, {"multiple_of": 3}, ["-9", "0"], {"10": ("multiple_of", {"multiple_of": 3})}),
    (int, {"multiple_of": 0.5}, ["3"], {}),
    (float, {"multiple_of": 0.1}, ["0.3", "1e300"], {"0.35": ("multiple_of", {"multiple_of": 0.1})}),
    (float, {"ge": 0.1}, ["0.1"], {"0.09": ("greater_than_equal", {"ge": 0.1})}),
    (Decimal, {"ge": 0.1}, ["0.1"], {"0.09999999999999999999999999": ("greater_than_equal", {"ge": 0.1})}),
    (Decimal, {"multiple_of": 0.01}, ["1e400", "0.35"], {"0.355": ("multiple_of", {"multiple_of": 0.01})}),
    (str, {"min_length": 2}, ["ab", "éé"], {"a": ("string_too_short", {"min_length": 2})}),
    (str, {"max_length": 1}, ["", "🐚"], {"ab": ("string_too_long", {"max_length": 1})}),
    (str, {"pattern": "b+"}, ["abc"], {"ac": ("string_pattern_mismatch", {"pattern": "b+"})}),
    (Optional[int], {"ge": 1}, ["1"], {"0": ("greater_than_equal", {"ge": 1})}),
    (int | str, {"ge": 5}, ["5", "x"], {}),
    (int | str, {"max_length": 2}, ["5000", "ab"], {"abc": ("string_too_long", {"max_length": 2})}),
    (int | date, {"ge": 5}, ["5", "2024-01-01"], {"4": ("greater_than_equal", {"ge": 5})}),
    (Annotated[int, msgspec.Meta(ge=2)], {"ge": 1}, ["2"], {"1": ("greater_than_equal", {"ge": 2})}),
    (Annotated[Decimal, annotated_types.Gt(Decimal("0.5"))], {}, ["0.6"], {"0.5": ("greater_than", {"gt": 0.5})}),
]


@pytest.mark.parametrize(("type_", "constraints", "good", "bad"), LIMITS, ids=case_id)
def test_limits_are_kept_to(type_, constraints, good, bad):
    parser = text_parser(type_, Constraints(**constraints))
    for text in good:
        assert run_expression(parser, text) == parser.parse(text)
    for text, (error, ctx) in bad.items():
        [item] = errors_of(parser, text)
        assert (item["type"], item["ctx"]) == (error, ctx)
        with pytest.raises(FAILURES):
            run_expression(parser, text)


def test_every_limit_that_is_passed_is_told():
    parser = text_parser(str, Constraints(min_length=3, pattern="^a"))
    assert [item["type"] for item in errors_of(parser, "b")] == ["string_too_short", "string_pattern_mismatch"]


def test_messages_are_our_own_words():
    assert errors_of(text_parser(int, Constraints()), "x") == [
        {"loc": [], "msg": "is not a whole number", "type": "int_parsing"}
    ]
    assert errors_of(text_parser(Color, Constraints()), "x") == [
        {"loc": [], "msg": "is not 'red' or 'blue'", "type": "enum", "ctx": {"expected": "'red' or 'blue'"}}
    ]
    assert errors_of(text_parser(str, Constraints(min_length=1)), "")[0]["msg"] == "must have at least 1 character"
    assert errors_of(text_parser(int | date, Constraints()), "x")[0]["msg"] == "is not a whole number or a date"


def test_strict_bools_are_true_and_false_alone():
    parser = text_parser(bool, Constraints(strict=True))
    assert (parser.parse("true"), parser.parse("false")) == (True, False)
    for text in ("1", "yes", "True", ""):
        assert errors_of(parser, text)[0]["type"] == "bool_parsing"


UNSUPPORTED: list[tuple[Any, dict[str, Any], str]] = [
    (str, {"pattern": "("}, "`pattern` doesn't compile: missing \\)"),
    (str, {"ge": 1}, "`ge` can't be checked on `str`"),
    (int, {"min_length": 1}, "`min_length` can't be checked on `int`"),
    (date, {"ge": 1}, "`ge` can't be checked on `date`"),
    (bool, {"ge": 1}, "`ge` can't be checked on `bool`"),
    (Color, {"max_length": 1}, "`max_length` can't be checked on `Color`"),
    (int | float, {"pattern": "a"}, "`pattern` can't be checked on `int | float`"),
    (int, {"multiple_of": 0}, "`multiple_of` must be more than 0, not 0"),
    (str, {"min_length": -1}, "`min_length` can't be less than 0"),
    (str, {"min_length": "1"}, "`min_length` must be a number, not '1'"),
    (int, {"ge": math.nan}, "`ge` must be finite"),
    (Annotated[int, annotated_types.Predicate(bool)], {}, "`Predicate` of annotated-types isn't checked"),
    (Annotated[int, annotated_types.MinLen(1)], {}, "`min_length` can't be checked on `int`"),
    (enum.Enum("Half", {"A": 1.5}), {}, "`Half` has values that aren't all texts or all whole numbers"),
    (enum.Enum("Mixed", {"A": 1, "B": "b"}), {}, "`Mixed` has values"),
    (enum.Enum("Listed", {"A": [1]}), {}, "`Listed` has values"),
    (Literal[b"a"], {}, "a `Literal` can be read"),
    (Literal[Color.RED], {}, "a `Literal` can be read"),
    (bytes, {}, "`bytes` can't be read from a text"),
    (None, {}, "`None` can't be read from a text"),
    (dict[str, int], {}, "can't be read from a text"),
]


@pytest.mark.parametrize(("type_", "constraints", "message"), UNSUPPORTED, ids=case_id)
def test_what_can_not_be_served_is_said_at_startup(type_, constraints, message):
    with pytest.raises(Unsupported, match=message):
        text_parser(type_, Constraints(**constraints))


TEXTS: list[tuple[Any, list[str], Any]] = [
    (list[int], ["1", "2"], [1, 2]),
    (list[str], [], []),
    (set[int], ["1", "1"], {1}),
    (frozenset[Color], ["red"], frozenset({Color.RED})),
    (tuple[int, ...], ["1", "2", "3"], (1, 2, 3)),
    (tuple[int, str], ["1", "x"], (1, "x")),
    (Optional[list[bool]], ["yes", "0"], [True, False]),
    (Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], msgspec.Meta(max_length=2)], ["1", "2"], [1, 2]),
]


@pytest.mark.parametrize(("type_", "texts", "value"), TEXTS, ids=case_id)
def test_texts_become_a_collection(type_, texts, value):
    made = texts_parser(type_, Constraints()).parse(texts)
    assert made == value
    assert type(made) is type(value)


def test_every_bad_text_is_told_with_its_index():
    parser = texts_parser(list[int], Constraints(ge=0))
    assert [(item["loc"], item["type"]) for item in errors_of(parser, ["1", "x", "-1"])] == [
        ([1], "int_parsing"),
        ([2], "greater_than_equal"),
    ]


def test_lengths_count_the_texts():
    parser = texts_parser(list[str], Constraints(min_length=1, max_length=2, pattern="^a"))
    assert parser.parse(["a"]) == ["a"]
    assert [item["type"] for item in errors_of(parser, [])] == ["too_short"]
    assert [(item["loc"], item["type"]) for item in errors_of(parser, ["a", "b", "a"])] == [
        ([1], "string_pattern_mismatch"),
        ([], "too_long"),
    ]
    assert errors_of(texts_parser(set[int], Constraints(min_length=2)), ["1", "01"])[0]["type"] == "too_short"


def test_a_tuple_has_its_size():
    parser = texts_parser(tuple[int, str], Constraints())
    assert [item["type"] for item in errors_of(parser, ["1"])] == ["too_short"]
    assert [item["type"] for item in errors_of(parser, ["x", "y", "z"])] == ["int_parsing", "too_long"]


@pytest.mark.parametrize("type_", [list, list[list[int]], dict[str, int], int], ids=repr)
def test_only_lists_of_texts_are_texts(type_):
    with pytest.raises(Unsupported, match="can't be read from a list of texts"):
        texts_parser(type_, Constraints())


def test_the_number_of_listed_errors_is_bounded():
    found = errors_of(texts_parser(list[int], Constraints()), ["x"] * 1000)
    assert len(found) == 101
    assert found[-1]["type"] == "too_many_errors"


# Properties.

TYPES = list(dict.fromkeys(row[0] for row in GOOD))
PARSERS = [text_parser(type_, Constraints()) for type_ in TYPES]
LIMITED = [text_parser(type_, Constraints(**constraints)) for type_, constraints, _, _ in LIMITS]
TEXT = st.one_of(
    st.text(st.characters(), max_size=12),
    st.text(alphabet="0123456789-+.eE_:TZ tfyn１\ud800", max_size=20),
    st.sampled_from([row[1] for row in GOOD + BAD]),
    st.integers().map(str),
    st.floats().map(str),
    st.decimals().map(str),
)


@given(TEXT, st.sampled_from(PARSERS + LIMITED))
@example("1e999999999", PARSERS[0])
def test_every_text_gives_a_value_or_an_explanation(text, parser):
    try:
        value = parser.parse(text)
    except FAILURES:
        found = parser.explain(text)
        assert found
        assert all(item["loc"] == [] and item["msg"] and item["type"] for item in found)
        if parser.expression != "{raw}" and not any("\ud800" <= char <= "\udfff" for char in text):
            # In place only the length of a text is looked at: no request gives a text with a lone surrogate.
            with pytest.raises(FAILURES):
                run_expression(parser, text)
    else:
        again = run_expression(parser, text)
        assert again == value
        assert type(again) is type(value)


@given(st.lists(TEXT, max_size=4), st.sampled_from([row[0] for row in TEXTS]))
def test_every_list_of_texts_gives_a_value_or_an_explanation(texts, type_):
    parser = texts_parser(type_, Constraints(max_length=3))
    try:
        parser.parse(texts)
    except FAILURES:
        assert parser.explain(texts)


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.datetimes(), st.uuids(), st.timedeltas())
def test_what_python_writes_is_read_back(number, real, moment, id_, span):
    for value in (number, real, moment.date(), moment, id_):
        text = value.isoformat() if isinstance(value, date) else str(value)
        assert text_parser(type(value), Constraints()).parse(text) == value
    assert text_parser(timedelta, Constraints()).parse(msgspec.to_builtins(span)) == span
