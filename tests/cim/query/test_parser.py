"""Queries and filters that are understood, and what is said about the others."""

import pytest
from hypothesis import given, strategies as st

from cim_provider.query import tokens as words
from cim_provider.query.faults import QueryFault
from cim_provider.query.parser import DEPTH_MAX, language_of, parse_filter, parse_select
from cim_provider.query.tree import (
    All,
    AnyOf,
    Compare,
    IsA,
    IsNull,
    IsTrue,
    Language,
    Like,
    Literal,
    Not,
    ObjectPath,
    Operator,
    Path,
    Quantifier,
    Select,
    Step,
)


def path(*names: str) -> Path:
    return Path(tuple(Step(name) for name in names))


def parse(query: str, language: Language) -> object:
    return parse_filter(query) if language is Language.FQL else parse_select(language, query)


def fault(query: str, language: Language = Language.WQL) -> tuple[int, str]:
    with pytest.raises(QueryFault) as caught:
        parse(query, language)
    return int(caught.value.status), caught.value.text


def test_languages_are_known_by_their_exact_names() -> None:
    assert [language_of(name) for name in ("WQL", "DMTF:CQL", "DMTF:FQL")] == list(Language)
    assert language_of("CQL") is language_of("CIM:CQL") is Language.CQL
    for name in ("wql", "cql", "DMTF:cql", "", "SQL"):
        with pytest.raises(QueryFault, match="WQL, DMTF:CQL, DMTF:FQL") as caught:
            language_of(name)
        assert caught.value.status == 14


@pytest.mark.parametrize("language", [Language.WQL, Language.CQL])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM HA_Node", Select(None, "HA_Node")),
        ("select * from HA_Node;", Select(None, "HA_Node")),
        ("\n SELECT\tName , State FROM HA_Node ", Select((path("Name"), path("State")), "HA_Node")),
        ("SELECT n.Name FROM HA_Node n", Select((path("Name"),), "HA_Node")),
        ("SELECT HA_Node.Name FROM HA_Node", Select((path("Name"),), "HA_Node")),
        ("SELECT n.* FROM HA_Node AS n", Select(None, "HA_Node")),
        (
            "SELECT * FROM A WHERE Name = 'x'",
            Select(None, "A", Compare(path("Name"), Operator.EQUAL, Literal("x"))),
        ),
        (
            'SELECT * FROM A WHERE "x" < Name',
            Select(None, "A", Compare(path("Name"), Operator.GREATER, Literal("x"))),
        ),
        (
            "SELECT * FROM A WHERE a=1 OR b!=2 AND NOT (c<>-0x1F)",
            Select(
                None,
                "A",
                AnyOf(
                    (
                        Compare(path("a"), Operator.EQUAL, Literal(1)),
                        All(
                            (
                                Compare(path("b"), Operator.UNEQUAL, Literal(2)),
                                Not(Compare(path("c"), Operator.UNEQUAL, Literal(-31))),
                            )
                        ),
                    )
                ),
            ),
        ),
        (
            "SELECT * FROM A WHERE a IS NULL AND b is not null",
            Select(None, "A", All((IsNull(path("a")), Not(IsNull(path("b")))))),
        ),
        (
            "SELECT * FROM A WHERE a = NULL AND b <> NULL",
            Select(None, "A", All((IsNull(path("a")), Not(IsNull(path("b")))))),
        ),
        (
            "SELECT * FROM A WHERE (a = 1) IS NOT TRUE",
            Select(
                None,
                "A",
                Not(IsTrue(Compare(path("a"), Operator.EQUAL, Literal(1)), wanted=True)),
            ),
        ),
        (
            "SELECT * FROM A WHERE a IS TRUE",
            Select(
                None, "A", IsTrue(Compare(path("a"), Operator.EQUAL, Literal(True)), wanted=True)
            ),
        ),
        (
            "SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA HA_Node",
            Select(None, "CIM_InstCreation", IsA(path("SourceInstance"), "HA_Node")),
        ),
        (
            "SELECT * FROM I WHERE SourceInstance ISA 'HA_Node' AND SourceInstance.Name = 'a'",
            Select(
                None,
                "I",
                All(
                    (
                        IsA(path("SourceInstance"), "HA_Node"),
                        Compare(path("SourceInstance", "Name"), Operator.EQUAL, Literal("a")),
                    )
                ),
            ),
        ),
        (
            "SELECT * FROM I WHERE I.S.HA_Node::State[0] = PreviousInstance.HA_Node::State[0]",
            Select(
                None,
                "I",
                Compare(
                    Path((Step("S"), Step("State", "HA_Node", 0))),
                    Operator.EQUAL,
                    Path((Step("PreviousInstance"), Step("State", "HA_Node", 0))),
                ),
            ),
        ),
        (
            "SELECT * FROM I WHERE S.HA_Node::State[*] <> P.HA_Node::State[ * ]",
            Select(
                None,
                "I",
                Compare(
                    Path((Step("S"), Step("State", "HA_Node"))),
                    Operator.UNEQUAL,
                    Path((Step("P"), Step("State", "HA_Node"))),
                ),
            ),
        ),
        (
            "SELECT * FROM I WHERE OBJECTPATH(SourceInstance) = OBJECTPATH('root/cimv2:A.k=\"1\"')",
            Select(
                None,
                "I",
                Compare(
                    ObjectPath(path("SourceInstance")),
                    Operator.EQUAL,
                    ObjectPath('root/cimv2:A.k="1"'),
                ),
            ),
        ),
    ],
)
def test_queries_of_consoles_are_understood(
    language: Language, query: str, expected: Select
) -> None:
    assert parse_select(language, query) == expected


def test_keywords_are_names_where_a_name_stands() -> None:
    found = parse_filter("Like LIKE 'a' AND Any = 1 AND ANY Every = 2 AND not.select IS NULL")
    assert isinstance(found, All)
    like, any_, every, null = found.of
    assert isinstance(like, Like)
    assert like.left == path("Like")
    assert any_ == Compare(path("Any"), Operator.EQUAL, Literal(1))
    assert every == Compare(path("Every"), Operator.EQUAL, Literal(2), Quantifier.ANY)
    assert null == IsNull(path("not", "select"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'it''s'", "it's"),
        (r"'it\'s'", "it's"),
        (r'"a \"b\" \\ c"', r'a "b" \ c'),
        ("'ü 漢'", "ü 漢"),
        ("''", ""),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("-7", -7),
        ("0xff", 255),
        ("TRUE", True),
        ("false", False),
    ],
)
def test_constants_have_the_values_that_they_are_written_for(text: str, expected: object) -> None:
    found = parse_filter(f"a = {text}")
    assert isinstance(found, Compare)
    assert found.right == Literal(expected)  # type: ignore[arg-type]  # of several types


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT * FROM A WITHIN 10 WHERE a = 1", "WITHIN"),
        ("SELECT * FROM A GROUP BY a", "GROUP"),
        ("SELECT * FROM A WHERE a = 1 ORDER BY a", "ORDER"),
        ("SELECT * FROM A, B WHERE A.a = B.b", "several classes"),
        ("SELECT DISTINCT a FROM A", "DISTINCT"),
        ("SELECT FIRST 5 a FROM A", "FIRST"),
        ("SELECT a AS b FROM A", "AS in the list"),
        ("SELECT COUNT(*) FROM A", "COUNT"),
        ("SELECT * FROM A WHERE UPPERCASE(a) = 'A'", "UPPERCASE"),
        ("SELECT * FROM A WHERE a + 1 = 2", "arithmetic"),
        ("SELECT * FROM A WHERE a IN (1, 2)", "IN"),
        ("SELECT * FROM A WHERE a BETWEEN 1 AND 2", "BETWEEN"),
        ("SELECT * FROM A WHERE ANY x IN a SATISFIES (x = 1)", "SATISFIES"),
        ("SELECT * FROM A WHERE a[1,2] = 1", "several items"),
        ("ASSOCIATORS OF {A.k='1'}", "ASSOCIATORS OF"),
    ],
)
def test_what_the_languages_have_beyond_the_subset_is_refused_by_its_name(
    query: str, named: str
) -> None:
    if "{" in query:
        query = query.partition("{")[0]
    status, text = fault(query)
    assert status == 29
    assert named in text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "blah",
        "SELECT",
        "SELECT FROM A",
        "SELECT * A",
        "SELECT * FROM",
        "SELECT * FROM A WHERE",
        "SELECT a, FROM A",
        "SELECT * FROM A WHERE a",
        "SELECT * FROM A WHERE a =",
        "SELECT * FROM A WHERE = 1",
        "SELECT * FROM A WHERE (a = 1",
        "SELECT * FROM A WHERE a = 1)",
        "SELECT * FROM A WHERE a = 1 AND",
        "SELECT * FROM A WHERE a == 1",
        "SELECT * FROM A WHERE a = 123a",
        "SELECT * FROM A WHERE a = 'x",
        "SELECT * FROM A WHERE a = 1 b = 2",
        "SELECT * FROM A WHERE a LIKE 5",
        "SELECT * FROM A WHERE a NOT = 5",
        "SELECT * FROM A WHERE a < NULL",
        "SELECT * FROM A WHERE 1 = 1",
        "SELECT * FROM A WHERE a[x] = 1",
        "SELECT * FROM A WHERE a[-1] = 1",
        "SELECT * FROM A WHERE a ISA 5",
        "SELECT * FROM A WHERE 'a' ISA B",
        "SELECT * FROM A WHERE a IS 5",
        "SELECT * FROM A; SELECT * FROM B",
        "SELECT * FROM A WHERE a = 1e999",
        "SELECT * FROM A WHERE a # 1",
        "SELECT * FROM A WHERE a LIKE '[a'",
        "DELETE FROM A",
    ],
)
def test_what_is_no_query_is_told_with_what_was_expected(query: str) -> None:
    status, text = fault(query)
    assert status == 15
    assert text


def test_a_filter_is_a_condition_alone() -> None:
    assert parse_filter("ANY a = 1") == Compare(
        path("a"), Operator.EQUAL, Literal(1), Quantifier.ANY
    )
    assert fault("SELECT * FROM A", Language.FQL)[0] == 15
    assert fault("blah", Language.FQL) == (
        15,
        "the query has the end where a comparison is expected",
    )
    with pytest.raises(QueryFault, match="filters and no queries"):
        parse_select(Language.FQL, "SELECT * FROM A")


def test_queries_are_bounded() -> None:
    assert fault("(" * (DEPTH_MAX + 1) + "a = 1", Language.FQL)[0] == 15
    assert parse_filter("(" * (DEPTH_MAX - 1) + "a = 1" + ")" * (DEPTH_MAX - 1))
    assert "characters" in fault("a" * (words.QUERY_CHARS_MAX + 1), Language.FQL)[1]
    assert "words" in fault("a " * (words.TOKENS_MAX + 1), Language.FQL)[1]
    assert fault(f"a LIKE '{'x' * 257}'", Language.FQL)[0] == 15
    assert fault("NOT " * 2000, Language.FQL)[0] == 15


@given(
    st.lists(
        st.sampled_from(
            [
                *("SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IS", "NULL", "ISA", "LIKE"),
                *(
                    "ANY",
                    "EVERY",
                    "a",
                    "b.c",
                    "*",
                    "(",
                    ")",
                    ",",
                    "=",
                    "<>",
                    "<",
                    "1",
                    "'x'",
                    "[0]",
                ),
                *("OBJECTPATH", "TRUE", "::", "-", "AS"),
            ]
        ),
        max_size=30,
    ).map(" ".join)
    | st.text(max_size=60)
)
def test_whatever_is_asked_is_understood_or_refused_in_words(query: str) -> None:
    for language in Language:
        status = 0
        try:
            parse(query, language)
        except QueryFault as refused:
            status = refused.status
        assert status in (0, 14, 15, 29)
