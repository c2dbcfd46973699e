"""Scores of constraints in a CIB, also the words that stand for the values of health.

Owns: what is told of such a word, and of what is no score. Source: Pacemaker Explained, "Scores".
"""

from ha_core.config.cib.ledger import Ledger
from ha_core.config.faults import shown
from ha_core.config.kinds import show_score
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

_ALLOWED = "a whole number, INFINITY, -INFINITY, red, yellow or green"


def read_score(source: Source, ledger: Ledger, element: Element, default: str) -> int | None:
    """Return the score of an element; a word becomes its value, which is told. None: none."""
    text = ledger.take(element, "score", default)
    found = source.score(text)
    if found is not None and values.score(text) is None:
        word = text.strip().lower()
        value = f"{show_score(found)}, as node-health-{word} says"
        ledger.note(element, f"{element.id}: its score {word} is written out: {value}")
    return found


def no_score(element: Element) -> str:
    """Return why the element has no score."""
    return f"its score is {shown(element.get('score'))}; allowed: {_ALLOWED}"
