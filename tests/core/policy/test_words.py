"""What words promise, on made-up clusters: never against a must, and wishes as far as possible."""

from dataclasses import replace

from hypothesis import given, strategies as st

from ha_core.config.model import Configuration
from ha_core.policy.schedule import schedule
from ha_core.policy.transition import Transition
from tests.core.policy import case

NODES = ("n1", "n2", "n3", "n4")
STATES = ("online", "online", "lost", "standby")

states = st.fixed_dictionaries({name: st.sampled_from(STATES) for name in NODES})
some = st.lists(st.sampled_from(NODES), min_size=1, max_size=4, unique=True)
pairs = st.sampled_from(["with", "apart_from"])


def lines(found: dict[str, str]) -> str:
    """Return the nodes of a case."""
    return "".join(f"node {name} {state}\n" for name, state in found.items())


def plan(text: str) -> Transition:
    made = case.read(text)
    return schedule(made.configuration, made.status, 0)


def place(text: str, resource: str = "a") -> str | None:
    """Return where the plan puts a resource of the case."""
    return next(item.node for item in plan(text).decisions if item.resource == resource)


def able(found: dict[str, str]) -> list[str]:
    return sorted(name for name, state in found.items() if state == "online")


@given(states, some)
def test_first_preferred_node_that_is_there_has_it(found: dict[str, str], names: list[str]) -> None:
    text = f"{lines(found)}primitive a\nsays resources.a.prefers {' '.join(names)}\n"
    there = [name for name in names if name in able(found)]
    if there:
        assert place(text) == there[0]
    else:
        assert place(text) == next(iter(able(found)), None)


@given(states, some)
def test_avoided_node_is_the_last_resort_and_better_than_none(
    found: dict[str, str], names: list[str]
) -> None:
    text = f"{lines(found)}primitive a\nsays resources.a.avoids {' '.join(names)}\n"
    best = [name for name in able(found) if name not in names] or able(found)
    assert place(text) == next(iter(best), None)


@given(states, some, st.booleans(), st.booleans())
def test_only_and_never_are_kept_whatever_else_is_wished(
    found: dict[str, str], names: list[str], is_only: bool, is_opt_in: bool
) -> None:
    wish = next((name for name in NODES if (name in names) is not is_only), None)
    text = lines(found) + ("options opt-in\n" if is_opt_in and is_only else "") + "primitive a\n"
    text += f"says resources.a.{'only_on' if is_only else 'never_on'} {' '.join(names)}\n"
    text += f"location a {wish} INFINITY\n" if wish else ""
    allowed = [name for name in able(found) if (name in names) is is_only]
    assert place(text) == next(iter(allowed), None)


@given(states, st.dictionaries(st.sampled_from("bcd"), pairs, min_size=1), some)
def test_words_for_pairs_are_kept_or_the_resource_stays_stopped(
    found: dict[str, str], said: dict[str, str], names: list[str]
) -> None:
    text = f"{lines(found)}primitives a b c d\nsays resources.a.prefers {' '.join(names)}\n"
    text += "".join(f"says resources.{who}.{word} a\n" for who, word in said.items())
    home = place(text)
    for who, word in said.items():
        where = place(text, who)
        assert where is None or (where == home) is (word == "with")


@given(states, some, some, pairs)
def test_word_decides_like_the_constraints_that_it_stands_for(
    found: dict[str, str], names: list[str], others: list[str], pair: str
) -> None:
    text = f"{lines(found)}primitives a b\nsays resources.a.prefers {' '.join(names)}\n"
    text += f"says resources.b.avoids {' '.join(others)}\nsays resources.b.{pair} a=50\n"
    made = case.read(text)
    plain = schedule(without_words(made.configuration), made.status, 0)
    assert [(item.node, item.scores) for item in plan(text).decisions] == [
        (item.node, item.scores) for item in plain.decisions
    ]


def without_words(configuration: Configuration) -> Configuration:
    """Return the configuration as if all had been written as constraints."""
    return replace(
        configuration,
        locations=tuple(replace(item, source="") for item in configuration.locations),
        rules=tuple(replace(item, source="") for item in configuration.rules),
        colocations=tuple(replace(item, source="") for item in configuration.colocations),
    )
