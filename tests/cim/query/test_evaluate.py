"""What holds for an object: every operator, NULL, arrays, embedded objects, patterns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from cim_provider.query.check import check_condition, check_select
from cim_provider.query.evaluate import Named, holds, named, value_of
from cim_provider.query.faults import QueryFault
from cim_provider.query.like import basic_pattern, sql_pattern
from cim_provider.query.moments import moment
from cim_provider.query.parser import parse_filter, parse_select
from cim_provider.query.tree import Language, Path, Step

NOON = "20240229120000.000000+000"


@dataclass
class Thing:
    """A subject of given classes and values."""

    classes: tuple[str, ...] = ("A", "Base")
    values: Mapping[str, object] = field(default_factory=dict)
    key: str = "1"

    def is_a(self, class_name: str) -> bool:
        """See `Subject`."""
        return class_name.lower() in [each.lower() for each in self.classes]

    def value(self, name: str) -> object:
        """See `Subject`."""
        return {key.lower(): value for key, value in self.values.items()}.get(name.lower())

    def name(self) -> Named:
        """See `Subject`."""
        return named("root/cimv2", self.classes[0], [("k", self.key)])


INNER = Thing(("HA_Node", "CIM_System"), {"Name": "n1", "State": (2, 5)}, "n1")
THING = Thing(
    values={
        "Text": "hello",
        "Number": 7,
        "Real": 1.5,
        "Flag": True,
        "Nothing": None,
        "Numbers": (1, 2, 3),
        "Same": (1, 2, 3),
        "Holes": (1, None),
        "Texts": ("a", "bc"),
        "Empty": (),
        "When": moment(NOON),
        "Long": moment("00000001000000.000000:000"),
        "SourceInstance": INNER,
        "Ref": named("root/cimv2", "HA_Node", [("k", "n1")]),
    }
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Text = 'hello'", True),
        ("text = 'hello'", True),
        ("Text = 'Hello'", False),
        ("Text <> 'x'", True),
        ("Text < 'i' AND Text >= 'h'", True),
        ("Number = 7 AND Number = 7.0 AND Number <= 7 AND Number < 8", True),
        ("7 < Number", False),
        ("Real > 1 AND Real < 0x02", True),
        ("Flag = TRUE AND Flag <> FALSE", True),
        ("Flag IS TRUE AND (Flag = FALSE) IS FALSE", True),
        ("Nothing IS NULL AND Text IS NOT NULL AND Unheard IS NULL", True),
        ("Nothing = 1", False),
        ("NOT (Nothing = 1)", False),
        ("(Nothing = 1) IS NOT TRUE", True),
        ("Nothing = 1 OR Number = 7", True),
        ("Nothing = 1 AND Number = 8", False),
        ("NOT (Nothing = 1 AND Number = 8)", True),
        ("NOT (Nothing = 1 OR Number = 8)", False),
        ("Text = 7", False),
        ("NOT Text = 7", False),
        ("Flag = 1", False),
        ("Number = TRUE", False),
        ("Numbers[0] = 1 AND Numbers[2] = 3", True),
        ("Numbers[3] = 3", False),
        ("Numbers[3] IS NULL", True),
        ("Number[0] IS NULL", True),
        ("ANY Numbers = 2 AND EVERY Numbers < 4", True),
        ("ANY Numbers > 3", False),
        ("EVERY Numbers < 3", False),
        ("ANY Holes = 1", True),
        ("EVERY Holes = 1", False),
        ("ANY Empty = 1", False),
        ("EVERY Empty = 1", True),
        ("ANY Texts LIKE 'b.*' AND NOT EVERY Texts LIKE 'b.*'", True),
        ("Number LIKE '7'", False),
        ("Numbers = Numbers AND Numbers <> Holes AND Numbers[*] = Same[*]", True),
        ("Numbers <> Numbers", False),
        ("Numbers < Same", False),
        ("NOT Numbers < Same", False),
        ("Numbers = Number", False),
        ("Numbers = Nothing", False),
        ("SourceInstance.HA_Node::State[*] <> Numbers[*]", True),
        (f"When = '{NOON}' AND When < '20240229120000.000001+000'", True),
        ("When = '20240229130000.000000+060'", True),
        ("'20240101000000.000000+000' < When", True),
        ("When > '00000001000000.000000:000'", False),
        ("Long > '00000000235959.999999:000'", True),
        ("When = 'noon'", False),
        ("SourceInstance ISA HA_Node AND SourceInstance ISA cim_system", True),
        ("SourceInstance ISA A", False),
        ("NOT SourceInstance ISA A", True),
        ("Nothing ISA A", False),
        ("SourceInstance.Name = 'n1' AND SourceInstance.State[1] = 5", True),
        ("SourceInstance.HA_Node::Name = 'n1'", True),
        ("SourceInstance.HA_Other::Name = 'n1'", False),
        ("ANY SourceInstance.State = 5", True),
        ("Text.Name IS NULL", True),
        ("A::Text = 'hello'", True),
        ("OBJECTPATH(SourceInstance) = Ref", True),
        ("OBJECTPATH(SourceInstance) <> Ref", False),
        ("OBJECTPATH(SourceInstance) < Ref", False),
        ("Ref = OBJECTPATH('HA_Node')", True),
        ("OBJECTPATH() = Ref", False),
        ("OBJECTPATH('nonsense') = Ref", False),
    ],
)
def test_conditions_hold_or_not(condition: str, expected: bool) -> None:
    def read(text: str) -> Named | None:
        return named(None, text, [("k", "n1")]) if text == "HA_Node" else None

    assert holds(parse_filter(condition), THING, read) is expected


def test_values_are_found_along_paths() -> None:
    assert value_of(Path(()), THING) is THING
    assert value_of(Path((Step("SourceInstance"), Step("name"))), THING) == "n1"
    assert value_of(Path((Step("Text"), Step("name"))), THING) is None


TYPES = {
    "text": ("string", False),
    "number": ("uint32", False),
    "real": ("real64", False),
    "flag": ("boolean", False),
    "when": ("datetime", False),
    "numbers": ("uint16", True),
    "others": ("uint32", True),
    "texts": ("string", True),
    "ref": ("reference", False),
    "embedded": ("string", False),
}


@pytest.mark.parametrize(
    "condition",
    [
        "Unheard = 1",
        "Unheard IS NULL",
        "Unheard LIKE 'a'",
        "Unheard ISA A",
        "Number = 'NotANumber'",
        "Flag = 1234",
        "Flag < TRUE",
        "Text = 5",
        "Text = TRUE",
        "When = 'noon'",
        "When = 5",
        "Number LIKE '7'",
        "Numbers = 1",
        "1 = Numbers",
        "Numbers[*] = 1",
        "Numbers < Numbers",
        "Numbers = Number",
        "Numbers = Texts",
        "ANY Number = 1",
        "ANY Numbers = 'a'",
        "Number[0] = 1",
        "Number.Name = 1",
        "Number = Text",
        "Number = OBJECTPATH(Embedded)",
        "Text = 'a' AND NOT (Number = 1 OR (Flag = 3) IS TRUE)",
    ],
)
def test_conditions_that_can_never_hold_are_faults_of_the_query(condition: str) -> None:
    with pytest.raises(QueryFault) as caught:
        check_condition(parse_filter(condition), TYPES)
    assert caught.value.status == 15


@pytest.mark.parametrize(
    "condition",
    [
        "TEXT = 'a' AND number = 1.5 AND real > 1 AND flag = true",
        f"When > '{NOON}'",
        "ANY Numbers = 1 AND Numbers[1] = 2 AND Text LIKE 'a' AND Number = Real",
        "Numbers = Others AND Numbers[*] <> Others[*] AND Embedded.State <> Numbers",
        "Embedded.Anything = 5 AND Embedded ISA HA_Node AND HA_Sub::Special = 1",
        "Ref = OBJECTPATH(Embedded) AND Number IS NULL",
    ],
)
def test_conditions_that_fit_the_class_pass(condition: str) -> None:
    check_condition(parse_filter(condition), TYPES)


def test_the_list_of_a_query_is_checked_too() -> None:
    check_select(parse_select(Language.WQL, "SELECT Text, Number FROM A WHERE Flag = TRUE"), TYPES)
    with pytest.raises(QueryFault, match="no property 'Colour'"):
        check_select(parse_select(Language.WQL, "SELECT Colour FROM A"), TYPES)


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("n%", ("n", "n1", "n%"), ("", "an", "N1")),
        ("%", ("", "anything"), ()),
        ("n_", ("n1", "n_"), ("n", "n12")),
        ("%b%", ("b", "abc", "bb"), ("ac",)),
        (r"100\%", ("100%",), ("1000",)),
        ("[a-c]1", ("a1", "c1"), ("d1", "-1")),
        ("[^a-c]1", ("d1",), ("a1",)),
        ("[-x]", ("-", "x"), ("a",)),
        ("", ("",), ("a",)),
        ("a.c*", ("a.c*",), ("abc",)),
    ],
)
def test_patterns_of_wql(pattern: str, fitting: tuple[str, ...], other: tuple[str, ...]) -> None:
    found = sql_pattern(pattern)
    assert all(found.matches(text) for text in fitting)
    assert not any(found.matches(text) for text in other)


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("n.*", ("n", "n1", "n.*"), ("", "an")),
        ("n.", ("n1",), ("n", "n12")),
        ("ab*c", ("ac", "abc", "abbbc"), ("abxc",)),
        ("[ab]*", ("", "abba"), ("abc",)),
        (r"a\.b\*", ("a.b*",), ("axb*",)),
        ("n%", ("n", "n12"), ("an",)),
        ("n_1", ("n_1",), ("nx1",)),
    ],
)
def test_patterns_of_cql_and_fql(
    pattern: str, fitting: tuple[str, ...], other: tuple[str, ...]
) -> None:
    found = basic_pattern(pattern)
    assert all(found.matches(text) for text in fitting)
    assert not any(found.matches(text) for text in other)


def test_no_pattern_is_slow() -> None:
    """Steps are counted: a matcher that goes back would never come to an end here."""
    assert not sql_pattern("%a" * 120 + "b").matches("a" * 5_000)
    assert not basic_pattern("a*" * 120 + "b").matches("a" * 5_000)


@given(st.text("ab%_", max_size=8), st.text("ab", max_size=8))
def test_patterns_agree_with_a_slow_obvious_matcher(pattern: str, text: str) -> None:
    def slow(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "%":
            return any(slow(pattern[1:], text[n:]) for n in range(len(text) + 1))
        return bool(text) and pattern[0] in ("_", text[0]) and slow(pattern[1:], text[1:])

    assert sql_pattern(pattern).matches(text) is slow(pattern, text)


def test_times_are_ordered_across_zones_and_those_with_open_digits_are_not() -> None:
    early, late = moment("20240229120000.000000+120"), moment("20240229110000.000000+000")
    assert early is not None
    assert late is not None
    assert early < late
    assert moment("20240229******.******+000") is None
    assert moment("20240230120000.000000+000") is None
    assert moment("00000000000000.000000+000") is None
    assert moment("99999999235959.999999:000") is not None
