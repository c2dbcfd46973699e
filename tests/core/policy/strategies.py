"""Made-up cases, as the same text in which cases are written: what fails can be read and kept.

Owns: the drawing. Orderings always point to later resources, so that they have a beginning.
"""

from hypothesis import strategies as st

NODES = ("n1", "n2", "n3")
NAMES = ("a", "b", "c", "d", "e")
_SCORES = ("100", "-100", "10", "1", "1000")
_WISHES = ("INFINITY", "-INFINITY", "100", "-100", "10", "500", "1")


@st.composite
def cases(draw: st.DrawFn, *, with_failures: bool = True, with_unknown: bool = True) -> str:
    """Return a case of up to three nodes and five primitives."""
    nodes = NODES[: draw(st.integers(1, 3))]
    names = NAMES[: draw(st.integers(1, 5))]
    lines = [_node(draw, node) for node in nodes]
    if draw(st.integers(0, 9)) == 0:
        lines.append("options opt-in")
    if draw(st.booleans()):
        lines.append(f"defaults stickiness={draw(st.sampled_from(('0', '100', 'INFINITY')))}")
    size = draw(st.integers(0, len(names)))
    metas = [_meta(draw, inner=size >= 2 and i < size) for i in range(len(names))]
    lines += [f"primitive {name}{meta}" for name, meta in zip(names, metas, strict=True)]
    tops = list(names)
    if size >= 2:
        lines.append(f"group g {' '.join(names[:size])}{_meta(draw)}")
        tops = ["g", *names[size:]]
    for _ in range(draw(st.integers(0, 2))):
        word = draw(st.sampled_from(_WISHES))
        lines.append(
            f"location {draw(st.sampled_from(tops))} {draw(st.sampled_from(nodes))} {word}"
        )
    if len(tops) >= 2:
        lines += _relations(draw, tops)
    open_nodes = tuple(n for n in nodes if f"node {n} left" not in lines)
    lines += _observed(draw, open_nodes, names, size, with_failures, with_unknown)
    return "\n".join(lines) + "\n"


def _node(draw: st.DrawFn, name: str) -> str:
    word = draw(st.sampled_from(("", "", "", "", "", "", " standby", " left", " maintenance")))
    return f"node {name}{word}"


def _meta(draw: st.DrawFn, *, inner: bool = False) -> str:
    """Return options; a single unmanaged member of a group is a case of its own, not drawn."""
    words = ["", "", "", "", "", " target=stopped", " priority=5", " stickiness=0"]
    words += [" stickiness=50", " threshold=1", " threshold=2"]
    return draw(st.sampled_from(words if inner else [*words, " managed=false"]))


def _relations(draw: st.DrawFn, tops: list[str]) -> list[str]:
    """Return colocations and orderings, at most one of each for a pair.

    Releases of Pacemaker differ on mixtures of finite and infinite scores and on
    chains of finite ones: a case has either infinite ones or a single layer.
    """
    pairs = st.lists(st.sampled_from(tops), min_size=2, max_size=2, unique=True)
    together, orders = {}, {}
    if draw(st.booleans()):
        is_forward = draw(st.booleans())
        for _ in range(draw(st.integers(0, 3))):
            one, other = sorted(draw(pairs), key=tops.index, reverse=is_forward)
            word = draw(st.sampled_from(("INFINITY", "INFINITY", "-INFINITY")))
            together[one, other] = f"colocation {one} with {other} {word}"
    else:
        primary = draw(st.sampled_from(tops))
        for one in draw(st.lists(st.sampled_from([t for t in tops if t != "g"]), max_size=3)):
            if one != primary:
                word = draw(st.sampled_from(_SCORES))
                together[one, primary] = f"colocation {one} with {primary} {word}"
    for _ in range(draw(st.integers(0, 3))):
        first, then = sorted(draw(pairs), key=tops.index)
        word = draw(st.sampled_from(("", "", " optional", " asymmetrical")))
        orders[first, then] = f"order {first} then {then}{word}"
    return [*together.values(), *orders.values()]


def _observed(
    draw: st.DrawFn,
    nodes: tuple[str, ...],
    names: tuple[str, ...],
    size: int,
    with_failures: bool,
    with_unknown: bool,
) -> list[str]:
    lines = []
    together = draw(st.sampled_from((*nodes, "")))
    for index, name in enumerate(names):
        home = draw(st.sampled_from((*nodes, "", "")))
        if size >= 2 and index < size:
            home = draw(st.sampled_from((together, together, together, "")))
        for node in nodes:
            word = ""
            if node == home:
                word = "started"
                if with_failures and draw(st.integers(0, 3)) == 0:
                    word = draw(st.sampled_from(_FAILED))
            elif with_unknown and draw(st.integers(0, 11)) == 0:
                word = "unknown"
            elif with_failures and draw(st.integers(0, 11)) == 0:
                word = draw(st.sampled_from(_FAILED_BEFORE))
            if word:
                lines.append(f"on {node} {name} {word}")
    return lines


_FAILED = (
    "failed count=1 failure=monitor:1:restart",
    "failed count=2 failure=monitor:1:restart",
    "failed count=INFINITY failure=start:1:restart",
    "failed count=INFINITY failure=start:5:restart",
    "failed count=INFINITY failure=start:6:restart",
    "blocked count=1 failure=stop:1:block",
)
_FAILED_BEFORE = (
    "stopped count=1 failure=monitor:7:restart",
    "stopped count=INFINITY failure=start:1:restart",
    "stopped count=INFINITY failure=start:5:restart",
)
