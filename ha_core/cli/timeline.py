"""A preview as a picture: one lane a node, what runs, stops and starts there, and what is missing.

Owns: the drawing, as SVG that needs no font, script or file beside it. It has no background, and
its colours can be read on a light page and on a dark one. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.outage import Interruption
from ha_core.policy.transition import ActionKind
from ha_core.preview.foresee import Preview

WIDTH: Final = 960
ROWS_MAX: Final = 80
"""More of them than a screen or two shows: nobody would read on."""
_LEFT: Final = 150
_RIGHT: Final = 24
_ROW: Final = 22
_BAR: Final = 14
_GAP: Final = 8
_LINE: Final = 16
_TEXT: Final = "#767676"
_RUNS: Final = "#2f8f5b"
_COLOURS: Final = {
    ActionKind.START: "#2f8f5b",
    ActionKind.STOP: "#b9770e",
    ActionKind.PROBE: "#7d8ba1",
}
_MISSING: Final = "#c0392b"
_CHARACTER: Final = 6.2
"""About as wide is a character of the labels."""
_STEPS_MS: Final = tuple(
    factor * base for base in (10, 100, 1000, 10_000, 60_000, 600_000) for factor in (1, 2, 5)
)


@dataclass(frozen=True, slots=True)
class _Bar:
    begin_ms: Millis
    end_ms: Millis
    kind: ActionKind | None
    """None: it runs."""


@dataclass(frozen=True, slots=True)
class _Row:
    resource: ResourceId
    bars: tuple[_Bar, ...]
    ends_ms: tuple[Millis, ...]
    """When it ended by itself."""


def duration(span_ms: Millis) -> str:
    """Return a time as people read it, such as `350 ms`, `4.5 s`, `2 min 10 s`; rounded up, as it
    is a bound.
    """
    if span_ms < 1000:
        return f"{span_ms} ms"
    tenths = -(-span_ms // 100)
    if tenths < 600:
        return f"{tenths / 10:g} s"
    minutes, seconds = divmod(-(-span_ms // 1000), 60)
    return f"{minutes} min{f' {seconds} s' if seconds else ''}"


def drawn(preview: Preview) -> str:
    """Return the SVG."""
    return _Drawing(preview).text()


class _Drawing:
    def __init__(self, preview: Preview) -> None:
        self._preview = preview
        ends = [step.ends_ms for step in preview.steps]
        ends += [at_ms for at_ms, _ in preview.moments]
        self._whole_ms = max(1000, *ends, 0) * 108 // 100
        self._parts: list[str] = []
        self._y = 26.0

    def text(self) -> str:
        preview = self._preview
        self._label(8, self._y - 8, f"What if {preview.title}", bold=True, size=14)
        top = self._moments()
        left = ROWS_MAX
        for node in preview.nodes:
            rows = self._rows(node)
            self._lane(node, rows[:left])
            left = max(left - len(rows), 0)
        self._interruptions(preview.interruptions[:ROWS_MAX])
        bottom = self._y
        self._axis(top, bottom)
        self._legend()
        height = round(self._y + 8)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            f' width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12"'
            f' fill="{_TEXT}" role="img">'
        )
        title = f"<title>{escape(f'What if {preview.title}')}</title>"
        hatch = (
            '<defs><pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse"'
            f' patternTransform="rotate(45)"><path d="M0 0V6" stroke="{_MISSING}"'
            ' stroke-width="3"/></pattern></defs>'
        )
        return "\n".join([head, title, hatch, *self._parts, "</svg>"]) + "\n"

    # --- lanes ---------------------------------------------------------------------------

    def _moments(self) -> float:
        """Write what happens by itself above the lanes; return where the lines begin."""
        top = self._y
        for at_ms, text in self._preview.moments:
            x = self._x(at_ms)
            self._y += _LINE
            words = f"{duration(at_ms)}: {text}"
            room = (WIDTH - x) / _CHARACTER
            if len(words) <= room:
                self._label(x + 4, self._y - 4, words)
            else:
                self._label(x - 4, self._y - 4, words, anchor="end")
        self._y += _GAP
        return top

    def _rows(self, node: NodeName) -> list[_Row]:
        """Return what has to do with the preview and is, or will be, on the node."""
        preview = self._preview
        touched = {step.key.resource for step in preview.steps}
        touched |= {resource for resource, _, _ in preview.ended}
        here = {resource for resource, where in preview.ran if where == node}
        here |= {step.key.resource for step in preview.steps if step.key.node == node}
        return [self._row(resource, node) for resource in sorted(here & touched)]

    def _row(self, resource: ResourceId, node: NodeName) -> _Row:
        preview = self._preview
        bars: list[_Bar] = []
        ends = [at for name, where, at in preview.ended if (name, where) == (resource, node)]
        since: Millis | None = 0 if (resource, node) in preview.ran else None
        if ends and since is not None:
            bars.append(_Bar(0, ends[0], None))
            since = None
        for step in preview.steps:
            if (step.key.resource, step.key.node) != (resource, node):
                continue
            if since is not None:
                bars.append(_Bar(since, step.begins_ms, None))
                since = None
            bars.append(_Bar(step.begins_ms, step.ends_ms, step.key.kind))
            if step.key.kind is ActionKind.START:
                since = step.ends_ms
        if since is not None:
            bars.append(_Bar(since, self._whole_ms, None))
        return _Row(resource, tuple(bars), tuple(ends))

    def _lane(self, node: NodeName, rows: list[_Row]) -> None:
        height = max(len(rows), 1) * _ROW + _GAP
        self._background(height)
        self._label(8, self._y + 18, node, bold=True)
        y = self._y + _GAP / 2
        for row in rows:
            middle = y + _ROW / 2
            self._label(_LEFT - 8, middle + 4, row.resource, anchor="end")
            for bar in row.bars:
                self._bar(bar, middle)
            for at_ms in row.ends_ms:
                self._cross(self._x(at_ms), middle)
            y += _ROW
        if not rows:
            self._label(_LEFT, self._y + 18, "nothing changes here")
        self._y += height + _GAP

    def _interruptions(self, items: tuple[Interruption, ...]) -> None:
        if not items:
            self._y += _LINE
            self._label(8, self._y - 4, "No service is interrupted.")
            self._y += _GAP
            return
        height = len(items) * _ROW + _GAP
        self._background(height)
        self._label(8, self._y + 18, "interrupted", bold=True)
        y = self._y + _GAP / 2
        for item in items:
            middle = y + _ROW / 2
            self._label(_LEFT - 8, middle + 4, item.service, anchor="end")
            end_ms = self._whole_ms if item.ends_ms is None else item.ends_ms
            self._missing(item.begins_ms, end_ms, middle)
            words = "no end foreseen"
            if item.at_most_ms is not None:
                words = f"at most {duration(item.at_most_ms)}"
            self._beside(item.begins_ms, end_ms, middle, words)
            y += _ROW
        self._y += height + _GAP

    # --- small parts ---------------------------------------------------------------------

    def _x(self, at_ms: Millis) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(at_ms / self._whole_ms, 1)

    def _background(self, height: float) -> None:
        self._parts.append(
            f'<rect x="0" y="{self._y:g}" width="{WIDTH}" height="{height:g}" rx="4"'
            ' fill="#808080" fill-opacity="0.1"/>'
        )

    def _bar(self, bar: _Bar, middle: float) -> None:
        x, width = self._x(bar.begin_ms), self._x(bar.end_ms) - self._x(bar.begin_ms)
        if bar.kind is None:
            self._rectangle(x, middle - 3, width, 6, _RUNS, ' fill-opacity="0.45"')
            return
        self._rectangle(x, middle - _BAR / 2, max(width, 2), _BAR, _COLOURS[bar.kind], ' rx="2"')
        word = str(bar.kind)
        if width > (len(word) + 2) * _CHARACTER:
            self._parts.append(
                f'<text x="{x + width / 2:.1f}" y="{middle + 4:g}" text-anchor="middle"'
                f' font-size="11" fill="#fff">{word}</text>'
            )

    def _missing(self, begin_ms: Millis, end_ms: Millis, middle: float) -> None:
        x, width = self._x(begin_ms), max(self._x(end_ms) - self._x(begin_ms), 2)
        self._parts.append(
            f'<rect x="{x:.1f}" y="{middle - _BAR / 2:g}" width="{width:.1f}" height="{_BAR}"'
            f' rx="2" fill="url(#gap)" fill-opacity="0.5" stroke="{_MISSING}"/>'
        )

    def _beside(self, begin_ms: Millis, end_ms: Millis, middle: float, words: str) -> None:
        """Write behind a bar where there is room, else before it, else in it."""
        need = len(words) * _CHARACTER + 8
        if self._x(end_ms) + need < WIDTH:
            self._label(self._x(end_ms) + 6, middle + 4, words)
        elif self._x(begin_ms) - need > _LEFT:
            self._label(self._x(begin_ms) - 6, middle + 4, words, anchor="end")
        else:
            x = (self._x(begin_ms) + self._x(end_ms)) / 2
            self._rectangle(x - need / 2, middle - _BAR / 2, need, _BAR, _MISSING, "")
            self._parts.append(
                f'<text x="{x:.1f}" y="{middle + 4:g}" text-anchor="middle" font-size="11"'
                f' fill="#fff">{escape(words)}</text>'
            )

    def _rectangle(
        self, x: float, y: float, width: float, height: float, colour: str, more: str
    ) -> None:
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{height:g}"'
            f' fill="{colour}"{more}/>'
        )

    def _cross(self, x: float, y: float) -> None:
        path = f"M{x - 5:.1f} {y - 5:g}l10 10m0 -10l-10 10"
        self._parts.append(f'<path d="{path}" stroke="{_MISSING}" stroke-width="2.5"/>')

    def _label(
        self,
        x: float,
        y: float,
        text: str,
        *,
        bold: bool = False,
        size: int = 12,
        anchor: str = "start",
    ) -> None:
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"{weight}>'
            f"{escape(text)}</text>"
        )

    def _axis(self, top: float, bottom: float) -> None:
        for at_ms, _ in self._preview.moments:
            self._line(self._x(at_ms), top, bottom, _MISSING, "4 3")
        self._y = bottom + _LINE
        for at_ms in self._ticks():
            x = self._x(at_ms)
            self._line(x, bottom - _GAP, bottom, _TEXT, "")
            self._label(x, self._y - 2, duration(at_ms) if at_ms else "0", anchor="middle")
        self._y += _GAP

    def _ticks(self) -> Iterable[Millis]:
        step = next((step for step in _STEPS_MS if self._whole_ms / step <= 8), _STEPS_MS[-1])
        return range(0, self._whole_ms + 1, max(step, self._whole_ms // 50))

    def _line(self, x: float, top: float, bottom: float, colour: str, dashes: str) -> None:
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self._parts.append(
            f'<path d="M{x:.1f} {top:g}V{bottom:g}" stroke="{colour}" stroke-opacity="0.7"'
            f"{dashed}/>"
        )

    def _legend(self) -> None:
        self._y += _LINE
        middle, x = self._y - 4, float(_LEFT)
        for word, colour in (("runs", _RUNS), *((str(k), c) for k, c in _COLOURS.items())):
            is_thin = word == "runs"
            height = 6 if is_thin else 10
            more = ' fill-opacity="0.45"' if is_thin else ' rx="2"'
            self._rectangle(x, middle - 4 - height / 2, 22, height, colour, more)
            self._label(x + 28, middle, word)
            x += 40 + len(word) * 7
        self._cross(x + 6, middle - 4)
        self._label(x + 18, middle, "ends by itself")
        self._label(x + 120, middle, "(as if every action took its whole limit)")
