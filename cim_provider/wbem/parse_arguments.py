"""The parameters of an intrinsic call, asked for by name.

Owns: the rule that unknown, repeated and missing parameters are errors of the
operation, and which element may give a parameter of each kind. Knows nothing of
which operation has which parameters. Names are matched without regard to case,
in any order.
Source: DSP0200 1.4, section 5.3; DSP0201 2.4, IPARAMVALUE.
"""

# pywbem has no annotations: every constructor would be an untyped call.
# mypy: allow-untyped-calls

from typing import Final, TypeVar

import pywbem

from cim_provider.wbem import parse_objects, parse_values
from cim_provider.wbem.errors import Status, not_valid
from cim_provider.wbem.parse_tree import Element
from cim_provider.wbem.parse_values import BadValueError

T = TypeVar("T")

PARAMETERS_MAX: Final = 100
PROPERTIES_MAX: Final = 1000


class ArgumentError(Exception):
    """A call cannot become an operation; `status` says how the client is told."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status


class Arguments:
    """The parameters of one intrinsic call; each is asked for by name, the rest are unknown."""

    def __init__(self, call: Element) -> None:
        self._call = call.attributes["NAME"]
        first = call.children[0] if call.children else None
        if first is None or first.name != "LOCALNAMESPACEPATH":
            raise not_valid(f"IMETHODCALL {self._call[:64]} does not begin with LOCALNAMESPACEPATH")
        self.namespace = parse_values.namespace(first)
        self._values = parameters(call, "IPARAMVALUE")

    def finish(self) -> None:
        """Raise ArgumentError if a parameter was given that nobody asked for."""
        for element in self._values.values():
            raise self._wrong(element.attributes["NAME"][:64], "no such parameter")

    def boolean(self, name: str, default: bool) -> bool:
        """Return a boolean parameter."""
        element = self._take(name, "VALUE")
        return default if element is None else parse_values.boolean(element.text)

    def string(self, name: str) -> str | None:
        """Return a string parameter; None where it is NULL or absent."""
        element = self._take(name, "VALUE")
        return None if element is None else element.text

    def strings(self, name: str) -> tuple[str, ...] | None:
        """Return an array of names without repetitions; None for NULL, () for an empty array."""
        element = self._take(name, "VALUE.ARRAY")
        if element is None:
            return None
        if len(element.children) > PROPERTIES_MAX:
            raise self._wrong(name, f"{len(element.children)} names, at most {PROPERTIES_MAX}")
        if any(item.name != "VALUE" for item in element.children):
            raise self._wrong(name, "a name is NULL")
        return tuple({item.text.lower(): item.text for item in element.children}.values())

    def class_name(self, name: str) -> str | None:
        """Return a class name; None where it is NULL, absent or empty."""
        element = self._take(name, "CLASSNAME")
        if element is None or not element.attributes["NAME"]:
            return None
        return parse_values.name_of(element)

    def required_class_name(self, name: str) -> str:
        """Return a class name that must be given."""
        return self._required(name, self.class_name(name))

    def required_string(self, name: str) -> str:
        """Return a string that must be given."""
        return self._required(name, self.string(name))

    def instance_name(self, name: str) -> pywbem.CIMInstanceName:
        """Return the path of an instance, with the namespace of the call."""
        element = self._required(name, self._take(name, "INSTANCENAME"))
        return self._located(element)

    def object_name(self, name: str) -> pywbem.CIMInstanceName | str:
        """Return the path of an instance or the name of a class."""
        element = self._required(name, self._take(name, "INSTANCENAME", "CLASSNAME"))
        return (
            parse_values.name_of(element) if element.name == "CLASSNAME" else self._located(element)
        )

    def number(self, name: str) -> int | None:
        """Return a Uint32; None where it is NULL or absent."""
        element = self._take(name, "VALUE")
        if element is None:
            return None
        try:
            found = parse_values.scalar(element.text, "uint32")
        except BadValueError as error:
            raise self._wrong(name, str(error)) from error
        assert isinstance(found, int), "an integer by its type"
        return int(found)

    def required_number(self, name: str) -> int:
        """Return a Uint32 that must be given."""
        return self._required(name, self.number(name))

    def instance(self, name: str) -> pywbem.CIMInstance:
        """Return a whole instance without a path."""
        element = self._required(name, self._take(name, "INSTANCE"))
        return parse_objects.instance(element)

    def named_instance(self, name: str) -> pywbem.CIMInstance:
        """Return a whole instance with its path, in the namespace of the call."""
        element = self._required(name, self._take(name, "VALUE.NAMEDINSTANCE"))
        found = parse_objects.named_instance(element)
        found.path.namespace = self.namespace
        return found

    def untyped(self, name: str) -> object:
        """Return a value whose type the call does not tell; None where it is NULL or absent."""
        kinds = ("VALUE", "VALUE.ARRAY", "VALUE.REFERENCE", "VALUE.REFARRAY")
        element = self._take(name, *kinds)
        if element is None:
            return None
        is_reference = element.name in kinds[2:]
        return parse_values.typed_value(element, "reference" if is_reference else "string")

    def declared_name(self, name: str, kind: str, attribute: str = "NAME") -> str:
        """Return the name in a declaration; its content is not looked at."""
        element = self._required(name, self._take(name, kind))
        return parse_values.name_of(element, attribute)

    def _located(self, element: Element) -> pywbem.CIMInstanceName:
        path = parse_values.instance_name(element)
        path.namespace = self.namespace
        return path

    def _take(self, name: str, *kinds: str) -> Element | None:
        """Remove a parameter and return the element with its value."""
        parameter = self._values.pop(name.lower(), None)
        if parameter is None or not parameter.children:
            return None
        element = parameter.only_child()
        if element.name not in kinds:
            raise self._wrong(name, f"given as {element.name}, expected {' or '.join(kinds)}")
        return element

    def _required(self, name: str, value: T | None) -> T:
        if value is None:
            raise self._wrong(name, "is required")
        return value

    def _wrong(self, name: str, why: str) -> ArgumentError:
        return ArgumentError(Status.INVALID_PARAMETER, f"{self._call[:64]}: {name}: {why}")


def parameters(call: Element, kind: str) -> dict[str, Element]:
    """Return the parameters of a call by their names in lower case, in the order sent."""
    found: dict[str, Element] = {}
    if len(call.children) > PARAMETERS_MAX:
        raise BadValueError(f"{len(call.children)} parameters, expected at most {PARAMETERS_MAX}")
    for child in call.children[1:]:
        if child.name != kind:
            raise not_valid(f"{call.name} holds {child.name} after its target, expected {kind}")
        name = parse_values.name_of(child)
        if name.lower() in found:
            raise BadValueError(f"parameter {name} is given twice")
        found[name.lower()] = child
    return found
