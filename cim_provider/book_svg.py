"""Draws a picture of classes as SVG: boxes, the associations between them, and inheritance.

Owns: the geometry and the marks. Reads the declarations; a picture that names a
class, a property or an end that is not so is refused. The same input gives the
same text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from cim_provider.book_pictures import Box, Picture
from cim_provider.schema import ClassInfo, NamespaceSchema

BOX_WIDTH: Final = 270
COLUMN_STEP: Final = 480
ROW_STEP: Final = 190
LINE_HEIGHT: Final = 17
HEAD_HEIGHT: Final = 42
MARGIN: Final = 24
TITLE_HEIGHT: Final = 44
LOOP: Final = 34
_CHAR_WIDTH: Final = 6.6
_STYLE: Final = (
    "text{font:12px 'DejaVu Sans',Verdana,sans-serif;fill:#1b2733}"
    ".t{font-size:18px;font-weight:bold}.n{font-weight:bold}.p{font-size:10px;fill:#5b6b7a}"
    ".k{text-decoration:underline}.a{font-size:11px;fill:#0b5c8a}"
    ".b{fill:#f6f9fc;stroke:#33506b}.h{fill:#dbe8f4;stroke:#33506b}"
    ".l{stroke:#0b5c8a;fill:none}.i{stroke:#5b6b7a;fill:none}"
    ".w{fill:#fff;opacity:.92}.g{fill:#fff;stroke:#5b6b7a}"
)


class PictureError(Exception):
    """A picture shows what is not declared; the text names it."""


@dataclass(frozen=True, slots=True)
class _Placed:
    box: Box
    info: ClassInfo
    rows: tuple[tuple[str, bool], ...]
    """What stands in it, and whether that is a key."""
    x: float
    y: float

    @property
    def height(self) -> float:
        return HEAD_HEIGHT + LINE_HEIGHT * len(self.rows) + (6 if self.rows else 0)

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + BOX_WIDTH / 2, self.y + self.height / 2


def draw(picture: Picture, namespace: NamespaceSchema) -> str:
    """Return the picture. Raises `PictureError`."""
    placed = {box.name: _place(box, namespace) for box in picture.boxes}
    width = max(each.x for each in placed.values()) + BOX_WIDTH + MARGIN
    height = max(each.y + each.height for each in placed.values()) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}">',
        f"<title>{escape(picture.title)}</title><style>{_STYLE}</style>",
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
        f'<text class="t" x="{MARGIN}" y="{MARGIN + 8}">{escape(picture.title)}</text>',
        *_inheritance(placed),
        *_associations(picture, placed, namespace),
        *(line for each in placed.values() for line in _boxed(each)),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _place(box: Box, namespace: NamespaceSchema) -> _Placed:
    info = namespace.get(box.name)
    if info is None:
        raise PictureError(f"{box.name} is not declared")
    unknown = [name for name in box.properties if name not in info.declaration.properties]
    if unknown:
        raise PictureError(f"{box.name} has no property {', '.join(unknown)}")
    keys = [name for name in info.keys if not name.endswith("CreationClassName")]
    rows = (
        *((name, True) for name in keys),
        *((n, False) for n in box.properties if n not in keys),
    )
    x = MARGIN + box.column * COLUMN_STEP
    return _Placed(box, info, rows, x, MARGIN + TITLE_HEIGHT + box.row * ROW_STEP)


def _boxed(placed: _Placed) -> Iterator[str]:
    x, y, middle = placed.x, placed.y, placed.x + BOX_WIDTH / 2
    yield f'<rect class="b" x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{placed.height:g}"/>'
    yield f'<rect class="h" x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{HEAD_HEIGHT}"/>'
    name = placed.info.name
    yield f'<text class="n" x="{middle:g}" y="{y + 18:g}" text-anchor="middle">{name}</text>'
    parent = escape(f": {placed.info.superclass or 'no parent'}")
    yield f'<text class="p" x="{middle:g}" y="{y + 33:g}" text-anchor="middle">{parent}</text>'
    for number, (row, is_key) in enumerate(placed.rows):
        below = y + HEAD_HEIGHT + LINE_HEIGHT * (number + 1) - 2
        kind, is_array = placed.info.types[row]
        mark = ' class="k"' if is_key else ""
        text = f"<tspan{mark}>{row}</tspan>: {kind}{'[]' if is_array else ''}"
        yield f'<text x="{x + 10:g}" y="{below:g}">{text}</text>'


def _inheritance(placed: dict[str, _Placed]) -> Iterator[str]:
    for each in placed.values():
        above = next((placed[name] for name in placed if name == each.info.superclass), None)
        if above is None:
            continue
        start, end = _border(each, above.centre), _border(above, each.centre)
        yield _segment("i", start, end)
        yield _triangle(start, end)


def _triangle(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Return the hollow head that points to the parent."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    ux, uy = dx / length, dy / length
    back = (end[0] - 12 * ux, end[1] - 12 * uy)
    points = (end, (back[0] - 6 * uy, back[1] + 6 * ux), (back[0] + 6 * uy, back[1] - 6 * ux))
    return f'<polygon class="g" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def _associations(
    picture: Picture, placed: dict[str, _Placed], namespace: NamespaceSchema
) -> Iterator[str]:
    """Yield lines; what joins the same two classes shares one."""
    shared: dict[tuple[str, str], list[str]] = {}
    for line in picture.lines:
        _check(line.association, (line.left, line.right), namespace)
        ends = sorted((line.left, line.right), key=list(placed).index)
        shared.setdefault((ends[0], ends[1]), []).append(line.association)
    for (left, right), names in shared.items():
        if left == right:
            yield from _loop(placed[left], names)
            continue
        start = _border(placed[left], placed[right].centre)
        end = _border(placed[right], placed[left].centre)
        yield _segment("l", start, end)
        yield from _label(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), names)


def _check(association: str, ends: tuple[str, str], namespace: NamespaceSchema) -> None:
    info = namespace.get(association)
    if info is None or not info.is_association:
        raise PictureError(f"{association} is no association")
    references = [p for p in info.declaration.properties.values() if p.type == "reference"]
    declared = [str(each.reference_class) for each in references]
    for chosen in (declared, declared[::-1]):
        if all(
            namespace.is_a(end, wanted) or namespace.is_a(wanted, end)
            for end, wanted in zip(ends, chosen, strict=True)
        ):
            return
    raise PictureError(f"{association} joins {' and '.join(declared)}, not {' and '.join(ends)}")


def _border(placed: _Placed, towards: tuple[float, float]) -> tuple[float, float]:
    """Return where the line from the centre of a box to a point leaves it."""
    x, y = placed.centre
    dx, dy = towards[0] - x, towards[1] - y
    half_width, half_height = BOX_WIDTH / 2, placed.height / 2
    # The first of the two sides that the line meets.
    scale = min(
        half_width / abs(dx) if dx else float("inf"), half_height / abs(dy) if dy else float("inf")
    )
    return x + dx * scale, y + dy * scale


def _segment(style: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    return (
        f'<line class="{style}" x1="{start[0]:.1f}" y1="{start[1]:.1f}"'
        f' x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'
    )


def _loop(placed: _Placed, names: list[str]) -> Iterator[str]:
    """Yield a line from a box to itself, over its right upper corner, and its names above."""
    x, y = placed.x + BOX_WIDTH, placed.y
    yield (
        f'<path class="l" d="M{x - LOOP:g} {y:g} V{y - 14:g} H{x + 14:g}'
        f' V{y + LOOP / 2 + 4:g} H{x:g}"/>'
    )
    yield from _label((x - 110, y - 20 - 7 * (len(names) - 1)), names)


def _label(middle: tuple[float, float], names: list[str]) -> Iterator[str]:
    x, y = middle
    width = max(map(len, names)) * _CHAR_WIDTH + 6
    top = y - 7.5 * len(names)
    yield (
        f'<rect class="w" x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}"'
        f' height="{15 * len(names)}"/>'
    )
    for number, name in enumerate(names):
        below = top + 15 * number + 11
        yield f'<text class="a" x="{x:.1f}" y="{below:.1f}" text-anchor="middle">{name}</text>'
