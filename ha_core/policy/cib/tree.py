"""XML text into a small tree; what could harm is refused before it costs anything.

Owns: the bounds, and the shape of elements. No DTDs, no entities, bounded size and depth. Entries
of the operation history are by far the most of a CIB: they become tuples at once.
Source: XML 1.0; billion laughs and its kin need a DTD.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, NoReturn, TypeVar
from xml.parsers import expat

from ha_core.errors import ConfigError

BYTES_MAX: Final = 1 << 30
"""A CIB of 10,000 resources with their history on 64 nodes has half of it."""
DEPTH_MAX: Final = 64
"""A CIB nests some 10 deep; only nested rules go deeper."""
VALUE_MAX: Final = 65_536
"""Characters in one attribute's value."""
_TOLD_MAX: Final = 80
"""Characters of a name in a message."""

_Value = TypeVar("_Value", str, tuple[str, str, str])


class Operation(NamedTuple):
    """One entry of the operation history (`lrm_rsc_op`)."""

    id: str
    task: str
    interval: str
    rc: str
    status: str
    call: str
    key: str
    """`transition-key`: action, transition, expected exit code and the cluster's mark."""
    changed: str
    """`last-rc-change`, seconds since the Unix epoch."""
    digest: str
    restart_digest: str
    force_restart: str
    source: str
    target: str


class History(NamedTuple):
    """What one node's history holds of one resource (`lrm_resource`)."""

    resource: str
    agent: tuple[str, str, str]
    """Class, provider and type with which it was run."""
    probed: str | None
    """Nothing but one probe that found it stopped, at this time; `operations` is empty then."""
    operations: tuple[Operation, ...]
    lock: str
    """Since when it waits for this node (`shutdown-lock`)."""


def found_stopped(changed: str) -> Operation:
    """Return the entry of a probe that found nothing running."""
    return Operation("", "monitor", "0", "7", "0", "1", "0:0:7:", changed, "", "", "", "", "")


@dataclass(slots=True, eq=False)
class Element:
    """One element; text between elements is not kept, a CIB has none."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list["Element"] = field(default_factory=list)
    history: list[History] = field(default_factory=list)
    """Of `lrm_resources`."""

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute's value."""
        return self.attributes.get(name, default)

    def child(self, tag: str) -> "Element | None":
        """Return the first child with this tag."""
        return next((item for item in self.children if item.tag == tag), None)

    def all(self, *tags: str) -> list["Element"]:
        """Return the children with one of these tags."""
        return [item for item in self.children if item.tag in tags]

    @property
    def id(self) -> str:
        """The element's id, empty if it has none."""
        return self.attributes.get("id", "")

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        name = f' id="{_short(self.id)}"' if self.id else ""
        return f"<{_short(self.tag)}{name}> in line {self.line}"


def _short(text: str) -> str:
    return text if len(text) <= _TOLD_MAX else f"{text[:_TOLD_MAX]}…"


def parse(text: bytes) -> Element:
    """Return the root element.

    Raises:
        ConfigError: it is no well-formed XML, has a DTD, or is beyond the bounds.
    """
    if len(text) > BYTES_MAX:
        raise ConfigError(f"the XML has {len(text)} bytes, allowed: {BYTES_MAX} at most")
    reader = _Reader()
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as fault:
        what = expat.ErrorString(fault.code)
        raise ConfigError(
            f"no well-formed XML: {what} in line {fault.lineno}, column {fault.offset + 1}"
        ) from None
    except (LookupError, ValueError) as fault:  # an encoding that Python does not know
        raise ConfigError(f"the XML's encoding cannot be read ({fault}): use UTF-8") from None
    assert reader.root is not None
    return reader.root


_LEAF: Final = Element("", {}, 0)
"""What stands for an element of the history while it is open; nothing is kept in it."""


class _Reader:
    """Expat's callbacks and what they build."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._stack: list[Element] = []
        self._resource: dict[str, str] = {}
        self._operations: list[dict[str, str]] = []
        self._words: dict[object, object] = {}
        parser = self.parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse

    def _refuse(self, *_: object) -> NoReturn:
        raise ConfigError(
            f"the XML has a document type or entities in line {self.parser.CurrentLineNumber}:"
            " a CIB needs none, remove them"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        stack = self._stack
        if len(stack) >= DEPTH_MAX:
            line = self.parser.CurrentLineNumber
            raise ConfigError(f"the XML nests deeper than {DEPTH_MAX} elements in line {line}")
        if tag == "lrm_rsc_op":
            self._operations.append(attributes)
            stack.append(_LEAF)
            return
        if tag == "lrm_resource":
            self._resource = attributes
            self._operations = []
            stack.append(_LEAF)
            return
        element = Element(tag, attributes, self.parser.CurrentLineNumber)
        for name, value in attributes.items():
            if len(value) > VALUE_MAX:
                raise ConfigError(
                    f"{element.place}: {_short(name)} has {len(value)} characters,"
                    f" allowed: {VALUE_MAX} at most"
                )
        stack.append(element)

    def _end(self, tag: str) -> None:
        stack = self._stack
        element = stack.pop()
        if not stack:
            self.root = element
            return
        parent = stack[-1]
        if parent is _LEAF or tag == "lrm_rsc_op":
            return
        if tag == "lrm_resource":
            parent.history.append(self._history())
        else:
            parent.children.append(element)

    def _history(self) -> History:
        get = self._resource.get
        name = self._shared(get("id", ""))
        agent = self._shared((get("class", ""), get("provider", ""), get("type", "")))
        lock = get("shutdown-lock", "")
        operations = self._operations
        if len(operations) == 1 and _is_found_stopped(operations[0]):
            return History(name, agent, operations[0].get("last-rc-change", ""), (), lock)
        return History(name, agent, None, tuple(map(self._operation, operations)), lock)

    def _shared(self, value: _Value) -> _Value:
        """Return one and the same object for equal values, as most come again and again."""
        return self._words.setdefault(value, value)  # type: ignore[return-value]  # an equal one

    def _operation(self, attributes: dict[str, str]) -> Operation:
        get = attributes.get
        shared = self._shared
        return Operation(
            get("id", ""),
            shared(get("operation", "")),
            shared(get("interval", "0")),
            shared(get("rc-code", "")),
            shared(get("op-status", "")),
            get("call-id", ""),
            get("transition-key", ""),
            get("last-rc-change", ""),
            shared(get("op-digest", "")),
            shared(get("op-restart-digest", "")),
            shared(get("op-force-restart", "")),
            shared(get("migrate_source", "")),
            shared(get("migrate_target", "")),
        )


def _is_found_stopped(attributes: dict[str, str]) -> bool:
    get = attributes.get
    is_probe = get("operation") == "monitor" and get("interval", "0") == "0"
    return is_probe and get("rc-code") == "7" and get("op-status") == "0"
