"""Made-up cases with clones, roles, tickets, room and lost nodes, as text that can be kept.

Owns: the drawing. Two constraints of one kind never speak of the same pair: which of them counts
is a matter of their order. Nothing goes with what is unpromoted: where scores are equal, that and
the promotion can draw one another to and fro, as with Pacemaker.
"""

from hypothesis import strategies as st

NODES = ("n1", "n2", "n3")
_CLONES = (
    "",
    " max=2",
    " max=1",
    " interleave",
    " ordered",
    " notify",
    " unique max=2",
    " unique max=3 node_max=2",
    " promotable",
    " promotable",
    " promotable notify",
    " promotable promoted_max=2",
    " promotable target=unpromoted",
)
_ROLES = ("", " with_role=promoted")
_CALM = ("started", "started", "started", "stopped", "stopped")
_HERE = (*_CALM, "unknown", "failed", "blocked", "uncertain")


@st.composite
def wide_cases(draw: st.DrawFn, *, is_calm: bool = False) -> str:
    """Return a case of two or three nodes. `is_calm`: nothing has failed, is under way or lost."""
    nodes = NODES[: draw(st.integers(2, 3))]
    words = ("", "", "", " standby") if is_calm else ("", "", "", " standby", " lost", " pending")
    lines = [f"node {node}{draw(st.sampled_from(words))}" for node in nodes]
    lost = [line.split()[1] for line in lines if line.endswith((" lost", " pending"))]
    lines.append("primitives a b c d")
    lines += ["group g c d"] if draw(st.booleans()) else []
    is_grouped = "group g c d" in lines
    clones = {"A": "a"} | ({"G": "g"} if is_grouped and draw(st.booleans()) else {})
    words_of = {name: draw(st.sampled_from(_CLONES)) for name in clones}
    if "G" in clones and "unique" in words_of["G"]:
        words_of["G"] = ""
    lines += [f"clone {name} {clones[name]}{words_of[name]}" for name in clones]
    tops = ["A", "b", *(["G"] if "G" in clones else ["g"] if is_grouped else ["c", "d"])]
    lines += _constraints(draw, tops, nodes, words_of)
    if draw(st.integers(0, 4)) == 0:
        lines.append("options strategy=utilization")
        lines += [f"capacity {node} cpu={draw(st.integers(0, 4))}" for node in nodes]
        lines += [f"takes {name} cpu={draw(st.integers(0, 2))}" for name in "abcd"]
    for node in nodes:
        lines += _observed(draw, node, words_of, clones, is_calm=is_calm, is_lost=node in lost)
    return "\n".join(lines) + "\n"


def _constraints(
    draw: st.DrawFn, tops: list[str], nodes: tuple[str, ...], words: dict[str, str]
) -> list[str]:
    lines = []
    for _ in range(draw(st.integers(0, 2))):
        score = draw(st.sampled_from(("INFINITY", "-INFINITY", "100", "-100")))
        top, node = draw(st.sampled_from(tops)), draw(st.sampled_from(nodes))
        lines.append(f"location {top} {node} {score}")
    pairs = st.lists(st.sampled_from(tops), min_size=2, max_size=2, unique=True)
    together, orders = {}, {}
    for _ in range(draw(st.integers(0, 2))):
        one, other = sorted(draw(pairs), key=tops.index, reverse=True)
        role = draw(st.sampled_from(_ROLES)) if "promotable" in words.get(other, "") else ""
        score = draw(st.sampled_from(("INFINITY", "INFINITY", "-INFINITY", "100")))
        together[one, other] = f"colocation {one} with {other} {score}{role}"
    for _ in range(draw(st.integers(0, 2))):
        first, then = sorted(draw(pairs), key=tops.index)
        word = draw(st.sampled_from(("", "", " optional", " first=promote")))
        word = "" if "promote" in word and "promotable" not in words.get(first, "") else word
        orders[first, then] = f"order {first} then {then}{word}"
    lines += [*together.values(), *orders.values()]
    if draw(st.integers(0, 4)) == 0:
        top = draw(st.sampled_from(tops))
        role = " promoted" if "promotable" in words.get(top, "") else ""
        lines += [f"depends {top} on T{draw(st.sampled_from(('', role)))}"]
        lines += draw(st.sampled_from(([], ["ticket T granted"], ["ticket T granted standby"])))
    return lines


def _observed(
    draw: st.DrawFn,
    node: str,
    words: dict[str, str],
    clones: dict[str, str],
    *,
    is_calm: bool,
    is_lost: bool,
) -> list[str]:
    lines = []
    for name in "abcd":
        clone = "A" if name == "a" else "G" if "G" in clones and name in "cd" else ""
        told = words.get(clone, "")
        units = [f"{name}:{n}" for n in range(2)] if "unique" in told else [name]
        for unit in units:
            state = draw(st.sampled_from(_CALM if is_calm else _HERE))
            if is_lost and state != "stopped":
                state = "uncertain"
            if not is_lost and state == "uncertain":
                state = "stopped"
            line = f"on {node} {unit} {state}"
            if "promotable" in told:
                line += f" score={draw(st.sampled_from(('5', '10', '-INFINITY')))}"
                if state in ("started", "failed", "uncertain", "blocked"):
                    line += f" role={draw(st.sampled_from(('promoted', 'unpromoted')))}"
            line += _failure(draw, state)
            if not is_calm and not is_lost and draw(st.integers(0, 9)) == 0:
                line += f" pending={draw(st.sampled_from(('start', 'stop', 'monitor')))}"
            lines.append(line)
    return lines


def _failure(draw: st.DrawFn, state: str) -> str:
    """Return what made it so."""
    if state == "blocked":
        return " count=1 failure=stop:1:block"
    if state == "failed":
        return draw(
            st.sampled_from(
                ("", " count=1 failure=monitor:1:restart", " count=1 failure=start:1:restart")
            )
        )
    return ""
