"""Conditions against an evaluator that we did not write: SQLite, on the part that both know."""

import sqlite3
from collections.abc import Mapping

from hypothesis import given, strategies as st

from cim_provider.query.evaluate import holds
from cim_provider.query.parser import parse_select
from cim_provider.query.tree import Language
from tests.cim.query.test_evaluate import Thing

NUMBERS, TEXTS = ("a", "b"), ("s", "t")

numbers = st.integers(-3, 3)
texts = st.text("xyY", max_size=3)
rows = st.fixed_dictionaries(
    {
        **dict.fromkeys(NUMBERS, st.none() | numbers),
        **dict.fromkeys(TEXTS, st.none() | texts),
    }
)
operators = st.sampled_from(("=", "<>", "!=", "<", "<=", ">", ">="))
number_operands = st.sampled_from(NUMBERS) | numbers.map(str)
text_operands = st.sampled_from(TEXTS) | texts.map(lambda text: f"'{text}'")
compared = st.one_of(
    st.builds("{} {} {}".format, st.sampled_from(NUMBERS), operators, number_operands),
    st.builds("{} {} {}".format, number_operands, operators, st.sampled_from(NUMBERS)),
    st.builds("{} {} {}".format, st.sampled_from(TEXTS), operators, text_operands),
    st.builds(
        "{} {} '{}'".format,
        st.sampled_from(TEXTS),
        st.sampled_from(("LIKE", "NOT LIKE")),
        st.text("xyY%_", max_size=4),
    ),
    st.builds(
        "{} IS {}NULL".format, st.sampled_from(NUMBERS + TEXTS), st.sampled_from(("", "NOT "))
    ),
)
conditions = st.recursive(
    compared,
    lambda inner: st.one_of(
        st.builds("({}) AND {}".format, inner, inner),
        st.builds("{} OR ({})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
        st.builds(
            "({}) IS {}{}".format,
            inner,
            st.sampled_from(("", "NOT ")),
            st.sampled_from(("TRUE", "FALSE")),
        ),
    ),
    max_leaves=6,
)


def by_sqlite(condition: str, row: Mapping[str, object]) -> bool:
    """Return whether SQLite selects the row."""
    database = sqlite3.connect(":memory:")
    try:
        database.execute("PRAGMA case_sensitive_like = ON")
        # Of these types by themselves: SQLite would turn a text into a number to compare it.
        database.execute("CREATE TABLE thing (a INTEGER, b INTEGER, s TEXT, t TEXT)")
        database.execute("INSERT INTO thing VALUES (:a, :b, :s, :t)", row)
        found = database.execute(f"SELECT 1 FROM thing WHERE {condition}").fetchone()
    finally:
        database.close()
    return found is not None


@given(conditions, rows)
def test_conditions_hold_where_sqlite_selects_the_row(
    condition: str, row: Mapping[str, object]
) -> None:
    select = parse_select(Language.WQL, f"SELECT * FROM Thing WHERE {condition}")
    assert select.condition is not None
    assert holds(select.condition, Thing(values=row)) is by_sqlite(condition, row)
