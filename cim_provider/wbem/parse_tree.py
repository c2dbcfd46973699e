"""Bytes of a request to a small tree of elements, within bounds.

Owns: well-formedness, the bounds on what a request may make us hold, and which
element may stand where with which attributes. Knows nothing of operations or
values. Every document type declaration is refused, so that no entity is ever
declared, expanded or fetched.
Source: DSP0201 2.4 (elements), XML 1.0.
"""

from typing import Final
from xml.parsers import expat

from cim_provider.wbem.errors import CimErrorHeader, ProtocolError, not_valid
from cim_provider.wbem.parse_shapes import IGNORED_CONTENT, SHAPES, TEXT_ELEMENTS

DEPTH_MAX: Final = 64
"""Reading values recurses; paths in keys of paths are the deepest honest nesting, below 20."""
ELEMENTS_MAX: Final = 20_000
"""A method call with a few large arrays stays far below."""
ATTRIBUTES_MAX: Final = 16
ATTRIBUTE_CHARS_MAX: Final = 16_384
"""No name comes near; message ids are free text but are echoed."""


class Element:
    """One element: its name, attributes, children and text (only where text is allowed)."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.text = ""

    def only_child(self) -> "Element":
        """Return the one child.

        Raises:
            ProtocolError: there is none, or more than one.
        """
        if len(self.children) != 1:
            raise not_valid(f"{self.name} has {len(self.children)} children, expected 1")
        return self.children[0]


class _Builder:
    """Receives what expat reports and keeps the open elements."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.root: Element | None = None
        self._roots = roots
        self._open: list[Element] = []
        self._text: list[str] = []
        self._count = 0
        self._skipping = 0
        """How many elements inside one whose content is not looked at are open."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._check_bounds(name, attributes)
        parent = self._open[-1] if self._open else None
        if self._skipping or (parent and parent.name in IGNORED_CONTENT):
            self._skipping += 1
            return
        if parent is None and name not in self._roots:
            expected = " or ".join(self._roots)
            raise not_valid(f"the root element is {name[:64]}, expected {expected}")
        _check_place(name, parent)
        element = Element(name, attributes)
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._open.append(element)

    def end(self, name: str) -> None:
        if self._skipping:
            self._skipping -= 1
            return
        self._open.pop().text = "".join(self._text)
        self._text.clear()

    def text(self, data: str) -> None:
        name = self._open[-1].name
        if name in TEXT_ELEMENTS:
            # Collected, for comments can cut a text into so many pieces that adding each
            # to a string would take quadratic time.
            self._text.append(data)
        elif name not in IGNORED_CONTENT and data.strip():
            raise not_valid(f"text {data.strip()[:32]!r} in {name}, expected none")

    def _check_bounds(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise not_valid(f"more than {ELEMENTS_MAX} elements in the request")
        if len(self._open) + self._skipping >= DEPTH_MAX:
            raise not_valid(f"element {name[:64]} is nested deeper than {DEPTH_MAX}")
        _check_attributes(name, attributes)

    def doctype(self, name: str, system: str | None, public: str | None, subset: int) -> None:
        raise not_valid("a document type declaration is not accepted")


def parse_tree(body: bytes) -> Element:
    """Return the root element of a request.

    Raises:
        ProtocolError: the bytes are not well-formed UTF-8 XML, exceed a bound, or hold
            elements or attributes that a request cannot have.
    """
    return _parse(body, ("CIM",))


def parse_fragment(text: str) -> Element:
    """Return the root element of an embedded object.

    Raises:
        ProtocolError: as `parse_tree`.
    """
    return _parse(text.encode(errors="replace"), ("INSTANCE", "CLASS"))


def _parse(body: bytes, roots: tuple[str, ...]) -> Element:
    builder = _Builder(roots)
    # The charset is that of the HTTP header, whatever the XML declaration claims.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ProtocolError(400, CimErrorHeader.NOT_WELL_FORMED, f"XML: {error}") from error
    assert builder.root is not None, "expat reports a document without a root as an error"
    return builder.root


def _check_attributes(name: str, attributes: dict[str, str]) -> None:
    if len(attributes) > ATTRIBUTES_MAX:
        raise not_valid(f"{name[:64]} has more than {ATTRIBUTES_MAX} attributes")
    for key, value in attributes.items():
        if len(value) > ATTRIBUTE_CHARS_MAX:
            raise not_valid(
                f"{name[:64]}: attribute {key[:64]} is longer than {ATTRIBUTE_CHARS_MAX} characters"
            )


def _check_place(name: str, parent: Element | None) -> None:
    if parent is not None and name not in SHAPES[parent.name].children:
        raise not_valid(f"{name[:64]} in {parent.name}, which cannot hold it")


def check_shape(element: Element) -> None:
    """Raise ProtocolError unless the attributes of this element and of all within are right."""
    todo = [element]
    while todo:
        current = todo.pop()
        shape = SHAPES.get(current.name)
        if shape is None:
            continue
        for missing in sorted(shape.required - current.attributes.keys()):
            raise not_valid(f"{current.name} lacks the attribute {missing}")
        for key in sorted(current.attributes.keys() - shape.required - shape.optional):
            if not key.startswith("xml"):
                raise not_valid(f"{current.name} has the unknown attribute {key[:64]}")
        todo.extend(current.children)
