"""What each converter takes from a client, and what it gives to a URL."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.errors import ConfigurationError
from nacre.routing import (
    NO_MATCH,
    Arguments,
    Converter,
    Converters,
    Found,
    RouteEntry,
    Router,
    parse_pattern,
)

SOME_UUID = UUID("12345678-9abc-def0-1234-56789abcdef0")


def converter(spec: str) -> Converter:
    return parse_pattern(f"/<{spec}:x>", Converters()).variables[0].converter


TAKEN = [
    ("string", "a b", "a b"),
    ("string", "%", "%"),
    ("string(length=2)", "ab", "ab"),
    ("string(min=2, max=3)", "abc", "abc"),
    ("int", "0", 0),
    ("int", "-3", -3),
    ("int", "007", 7),
    ("int", "9" * 40, int("9" * 40)),
    ("int(min=-1,max=5)", "-1", -1),
    ("uint", "12", 12),
    ("float", "1", 1.0),
    ("float", "-0.5", -0.5),
    ("path", "a", "a"),
    ("path", "a//b/", "a//b/"),
    ("uuid", str(SOME_UUID), SOME_UUID),
    ("uuid", str(SOME_UUID).upper(), SOME_UUID),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("any(red, light green)", "light green", "light green"),
    ("re:[a-z]+", "abc", "abc"),
]

REFUSED = [
    ("string", ""),
    ("string(length=2)", "abc"),
    ("string(min=2)", "a"),
    ("string(max=2)", "abc"),
    ("int", ""),
    ("int", "-"),
    ("int", "--1"),
    ("int", "+1"),
    ("int", " 1"),
    ("int", "1_0"),
    ("int", "1\n"),
    ("int", "٣"),
    ("int", "²"),
    ("int", "9" * 41),
    ("int", "9" * 5000),
    ("int", "-" + "9" * 5000),
    ("int(min=1)", "0"),
    ("int(max=5)", "6"),
    ("uint", "-1"),
    ("float", "nan"),
    ("float", "inf"),
    ("float", "1e5"),
    ("float", "1."),
    ("float", ".5"),
    ("float", "1.2.3"),
    ("float", "--1"),
    ("float", "1.-2"),
    ("float", "1." + "9" * 5000),
    ("float(max=2)", "2.5"),
    ("path", ""),
    ("uuid", SOME_UUID.hex),
    ("uuid", f"{{{SOME_UUID}}}"),
    ("uuid", f"urn:uuid:{SOME_UUID}"),
    ("uuid", f"{SOME_UUID}\n"),
    ("date", "20240131"),
    ("date", "2024-W05-3"),
    ("date", "2023-02-29"),
    ("date", "٢٠٢٤-01-01"),
    ("any(red,green)", "blue"),
    ("re:[a-z]+", "abc\n"),
    ("re:[a-z]+", "1abc"),
    ("re:.*", ""),
]


@pytest.mark.parametrize(("spec", "text", "value"), TAKEN, ids=lambda item: repr(item)[:30])
def test_text_that_fits_becomes_a_value(spec: str, text: str, value: object) -> None:
    parsed = converter(spec).parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(("spec", "text"), REFUSED, ids=lambda item: repr(item)[:30])
def test_text_that_does_not_fit_is_no_match(spec: str, text: str) -> None:
    assert converter(spec).parse(text) is NO_MATCH


BUILT = [
    ("string", 5, "5"),
    ("string", SOME_UUID, str(SOME_UUID)),
    ("int", -3, "-3"),
    ("float", 1e20, "100000000000000000000"),
    ("float", 1e-7, "0.0000001"),
    ("float", 2, "2"),
    ("path", "a/b", "a/b"),
    ("uuid", SOME_UUID, str(SOME_UUID)),
    ("date", date(2024, 1, 2), "2024-01-02"),
    ("any(a,b)", "b", "b"),
]

NOT_BUILT = [
    ("string", "", "'' is empty"),
    ("string", "a/b", "'a/b' has a slash, which would split the segment; a `path` variable may hold it"),
    ("string", True, "True is not a str"),
    ("string(length=2)", "abc", "'abc' does not fit `string(length=2)`"),
    ("int", "5", "'5' is not an int"),
    ("int", True, "True is not an int"),
    ("int(min=1,max=5)", 0, "0 does not fit `int(max=5,min=1)`"),
    ("uint", -1, "-1 does not fit `uint`"),
    ("float", float("nan"), "nan is not a finite float"),
    ("float", "1", "'1' is not a finite float"),
    ("float", 1e-300, "1e-300 does not fit `float`"),
    ("path", 5, "5 is not a str"),
    ("uuid", str(SOME_UUID), f"'{SOME_UUID}' is not a UUID"),
    ("date", datetime(2024, 1, 2), "datetime.datetime(2024, 1, 2, 0, 0) is not a date"),
    ("any(a,b)", "c", "'c' does not fit `any(a,b)`"),
    ("re:[a-z]+", "1", "'1' does not fit `re:[a-z]+`"),
]


@pytest.mark.parametrize(("spec", "value", "text"), BUILT, ids=lambda item: repr(item)[:30])
def test_value_becomes_text(spec: str, value: object, text: str) -> None:
    assert converter(spec).format(value) == text


@pytest.mark.parametrize(("spec", "value", "message"), NOT_BUILT, ids=lambda item: repr(item)[:30])
def test_value_that_does_not_fit_says_why(spec: str, value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        converter(spec).format(value)
    assert str(caught.value) == message


def test_integer_too_long_for_a_path_is_refused_without_being_written_out() -> None:
    with pytest.raises(ValueError, match="does not fit `int`"):
        converter("int").format(10**40)


@pytest.mark.parametrize("name", ["string", "int", "uint", "float", "path", "uuid", "date", "any(a,b)", "re:.*"])
@given(text=st.text())
def test_no_text_raises_and_what_is_parsed_can_be_formatted(name: str, text: str) -> None:
    kind = converter(name)
    value = kind.parse(text)
    if value is not NO_MATCH and (kind.spans_segments or "/" not in text):
        assert kind.parse(kind.format(value)) == value


@pytest.mark.parametrize("name", ["int", "uint", "int(min=0,max=99)", "float", "string", "string(max=2)", "uuid"])
@given(text=st.text("0123456789-+_. ab٣²", min_size=1, max_size=45))
def test_value_in_a_path_is_what_the_converter_parses(name: str, text: str) -> None:
    pattern = parse_pattern(f"/a/<{name}:x>", Converters())
    match = Router([RouteEntry(pattern, frozenset({"GET"}), None)]).find("GET", f"/a/{text}")
    found = match.params["x"] if isinstance(match, Found) else NO_MATCH
    assert found == converter(name).parse(text)


class TestRegistered:
    def test_parser_gets_only_text_that_fits_all_of_the_pattern(self) -> None:
        seen: list[str] = []

        def parse(text: str) -> object:
            seen.append(text)
            return text

        converters = Converters()
        converters.register("word", parse, pattern="[a-z]+|x1")
        word = converters.create("word", Arguments())
        assert [word.parse(text) for text in ("abc", "x1", "abc1", "abc\n", "")] == ["abc", "x1", *[NO_MATCH] * 3]
        assert seen == ["abc", "x1"]

    @pytest.mark.parametrize("text", ["zz", "none"])
    def test_none_and_value_error_mean_no_match(self, text: str) -> None:
        converters = Converters()
        converters.register("hex", lambda text: None if text == "none" else int(text, 16))
        assert converters.create("hex", Arguments()).parse(text) is NO_MATCH

    def test_other_exceptions_of_a_parser_are_not_hidden(self) -> None:
        converters = Converters()
        converters.register("broken", dict[str, object]().__getitem__)
        with pytest.raises(KeyError):
            converters.create("broken", Arguments()).parse("a")

    def test_format_is_the_way_back_and_is_checked(self) -> None:
        converters = Converters()
        converters.register("hex", lambda text: int(text, 16), format=lambda value: f"{value:x}", pattern="[0-9a-f]+")
        kind = converters.create("hex", Arguments())
        assert kind.format(255) == "ff"
        with pytest.raises(ValueError, match="-255 does not fit `hex`"):
            kind.format(-255)

    def test_copy_does_not_see_what_is_registered_later_on_either_side(self) -> None:
        original = Converters()
        copy = original.copy()
        original.register("one", str)
        copy.register("two", str)
        assert "one" in original.names
        assert "two" not in original.names
        assert "one" not in copy.names
        assert "one" not in Converters().names

    def test_built_in_name_can_be_replaced(self) -> None:
        converters = Converters()
        converters.register("int", lambda text: f"<{text}>")
        assert converters.create("int", Arguments()).parse("5") == "<5>"

    @pytest.mark.parametrize(
        ("name", "pattern", "message"),
        [
            ("a-b", None, "converter name `a-b` can't be written in a path"),
            ("re", None, "converter `re` is part of the path syntax"),
            ("path", None, "converter `path` is part of the path syntax"),
            ("taken", None, "converter `taken` is registered twice"),
            ("bad", "(", "converter `bad` has an expression that does not compile: missing ), unterminated subpattern"),
        ],
    )
    def test_bad_registration_names_the_converter_and_the_line(
        self, name: str, pattern: str | None, message: str
    ) -> None:
        converters = Converters()
        converters.register("taken", str)
        with pytest.raises(ConfigurationError) as caught:
            converters.register(name, str, pattern=pattern)
        (problem,) = caught.value.problems
        assert problem.what.startswith(message)
        assert problem.where is not None
        assert problem.where.file == __file__
