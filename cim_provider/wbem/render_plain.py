"""Instances to XML text straight from plain values, without pywbem's objects between.

Owns: the texts that the objects of one answer share: names at the ends of associations, and
properties of equal value. What is written is what `render_objects` would write of the same
instance; it is the hot path of every enumeration, and several times as fast.
Source: DSP0201 2.4, section 7.4.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pywbem

from cim_provider.wbem.operations import Selection
from cim_provider.wbem.render_objects import property_element
from cim_provider.wbem.render_values import escape, local_namespace, namespace_path


class Named(Protocol):
    """Names an object: its class and its keys, each a text or the name of another object."""

    @property
    def class_name(self) -> str:
        """Its class, as declared."""
        ...

    @property
    def keys(self) -> "tuple[tuple[str, str | Named], ...]":
        """Names and values, in the order of a path."""
        ...

    @property
    def namespace(self) -> str:
        """Where it is; empty: where it is seen from."""
        ...


Seen: TypeAlias = Callable[[Named, str], str]
"""Returns the namespace of an object, as seen from another one."""


@dataclass(frozen=True, slots=True)
class Plain:
    """An instance whose values are texts, numbers, lists of them, names of objects, or None."""

    name: Named
    namespace: str
    """From where it is seen."""
    shown: Sequence[tuple[str, pywbem.CIMProperty]]
    """Names and declarations of its properties."""
    values: Mapping[str, object]
    """Of those that are no keys; what is missing is NULL."""
    make: Callable[[pywbem.CIMProperty, object], pywbem.CIMProperty]
    """Makes a property of a declaration and a value."""
    seen: Seen


class PlainTexts:
    """Writes the instances of one answer.

    Args:
        selection: what is left out.
        host: what full paths name as the host.
    """

    def __init__(self, selection: Selection, host: str) -> None:
        self._selection = selection
        self._host = host
        self._namespaces: dict[str, tuple[str, str]] = {}
        """The local and the full path of each namespace."""
        self._references: dict[tuple[Named, str], str] = {}
        self._frames: dict[int, tuple[str, str]] = {}
        """What stands around the value, by the identity of the declaration."""
        self._properties: dict[tuple[int, object], str] = {}

    def content(self, item: Plain) -> str:
        """Return an INSTANCE."""
        keys, values = dict(item.name.keys), item.values
        parts = [
            self._property(item, declared, keys[name] if name in keys else values.get(name))
            for name, declared in item.shown
        ]
        return f'<INSTANCE CLASSNAME="{item.name.class_name}">{"".join(parts)}</INSTANCE>'

    def name(self, item: Plain) -> str:
        """Return an INSTANCENAME."""
        return self._name(item, item.name, item.seen(item.name, item.namespace))

    def path(self, item: Plain) -> str:
        """Return an INSTANCEPATH."""
        where = item.seen(item.name, item.namespace)
        _, full = self._namespace(where)
        return f"<INSTANCEPATH>{full}{self._name(item, item.name, where)}</INSTANCEPATH>"

    def _property(self, item: Plain, declared: pywbem.CIMProperty, value: object) -> str:
        begin, end = self._frame(item, declared)
        if value is None:
            return begin + end
        if isinstance(value, str):
            if declared.type == "string" and not declared.is_array:
                return f"{begin}<VALUE>{escape(value)}</VALUE>{end}"
        elif declared.type == "reference" and not declared.is_array:
            return f"{begin}{self._reference(item, value, item.namespace)}{end}"  # type: ignore[arg-type]  # a name
        key = (id(declared), value)
        known = self._properties.get(key)
        if known is None:
            known = property_element(item.make(declared, value), self._selection)
            self._properties[key] = known
        return known

    def _frame(self, item: Plain, declared: pywbem.CIMProperty) -> tuple[str, str]:
        known = self._frames.get(id(declared))
        if known is None:
            begin, _, end = property_element(item.make(declared, None), self._selection).partition(
                "></"
            )
            known = self._frames[id(declared)] = (f"{begin}>", f"</{end}")
        return known

    def _name(self, item: Plain, name: Named, where: str) -> str:
        keys = [
            f'<KEYBINDING NAME="{key}"><KEYVALUE VALUETYPE="string">{escape(value)}</KEYVALUE>'
            "</KEYBINDING>"
            if isinstance(value, str)
            else f'<KEYBINDING NAME="{key}">{self._reference(item, value, where)}</KEYBINDING>'
            for key, value in name.keys
        ]
        return f'<INSTANCENAME CLASSNAME="{name.class_name}">{"".join(keys)}</INSTANCENAME>'

    def _reference(self, item: Plain, name: Named, seen_from: str) -> str:
        key = (name, seen_from)
        known = self._references.get(key)
        if known is None:
            where = item.seen(name, seen_from)
            local, _ = self._namespace(where)
            path = f"<LOCALINSTANCEPATH>{local}{self._name(item, name, where)}</LOCALINSTANCEPATH>"
            known = self._references[key] = f"<VALUE.REFERENCE>{path}</VALUE.REFERENCE>"
        return known

    def _namespace(self, name: str) -> tuple[str, str]:
        known = self._namespaces.get(name)
        if known is None:
            known = (local_namespace(name), namespace_path(self._host, name))
            self._namespaces[name] = known
        return known
