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
    """Return the score times the factor, rounded half away from 0.

    What would vanish by rounding counts 1 in the direction of the factor,
    whichever way the score points: so does Pacemaker, and placements should agree.
    """
    product = score * factor
    rounded = int(product - 0.5 if product < 0 else product + 0.5)
    if rounded == 0 and score != 0 and factor != 0:
        return 1 if factor > 0 else -1
    return max(-INFINITY, min(INFINITY, rounded))


def text(score: int) -> str:
    """Return the score as people read it."""
    if abs(score) < INFINITY:
        return str(score)
    return "INFINITY" if score > 0 else "-INFINITY"
