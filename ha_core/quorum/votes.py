"""Majorities: how many votes decide, and what a majority has acknowledged.

Owns: the arithmetic alone. Source: votequorum(5), "expected_votes"; Ongaro,
"Consensus: Bridging Theory and Practice", section 3.4.
"""

from collections.abc import Iterable, Mapping

from ha_core.ids import NodeName


def votes_needed(expected_votes: int) -> int:
    """Return how many votes make a partition quorate (`expected_votes` at least 1)."""
    assert expected_votes >= 1, expected_votes
    return expected_votes // 2 + 1


def has_majority(yes: Iterable[NodeName], voters: Iterable[NodeName]) -> bool:
    """Return whether those who said yes are a majority of the voters."""
    members = set(voters)
    return bool(members) and len(members & set(yes)) >= votes_needed(len(members))


def majority_value(values: Mapping[NodeName, int], voters: Iterable[NodeName]) -> int:
    """Return the greatest value that a majority of voters has reached; missing ones count as 0."""
    reached = sorted([values.get(voter, 0) for voter in set(voters)], reverse=True)
    return reached[votes_needed(len(reached)) - 1] if reached else 0


def step_fault(old: Iterable[NodeName], new: Iterable[NodeName]) -> str:
    """Return why the voters may not change so in one step, or an empty string.

    Majorities before and after must share a voter; they do if one comes or goes.
    Source: Ongaro, "Consensus: Bridging Theory and Practice", section 4.1.
    """
    after, changed = set(new), sorted(set(old) ^ set(new))
    if len(changed) > 1:
        names = ", ".join(changed)
        return f"the votes of {names} would change at once: change one voter at a time"
    return "" if after else "no voter would be left"
