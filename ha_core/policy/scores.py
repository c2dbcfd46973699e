"""Arithmetic of scores, where INFINITY means must and -INFINITY must not.

Owns: sums and shares. Source: Pacemaker Explained, "Scores".
"""

from ha_core.ids import INFINITY


def add(left: int, right: int) -> int:
    """Return the sum, within -INFINITY..INFINITY; -INFINITY wins over everything."""
    if left <= -INFINITY or right <= -INFINITY:
        return -INFINITY
    if left >= INFINITY or right >= INFINITY:
        return INFINITY
    return max(-INFINITY, min(INFINITY, left + right))


def share(score: int, factor: float) -> int:
    """Return the score times the factor, rounded, but never 0 if the score is not 0."""
    product = round(score * factor)
    if product == 0 and score != 0 and factor != 0:
        return 1 if (score > 0) == (factor > 0) else -1
    return product


def text(score: int) -> str:
    """Return the score as people read it."""
    if abs(score) < INFINITY:
        return str(score)
    return "INFINITY" if score > 0 else "-INFINITY"
