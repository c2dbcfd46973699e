"""Instances, classes and qualifiers to XML text.

Owns: which element each kind of property, method and parameter is, and which
attributes it has. Knows nothing of operations but what a `Selection` leaves
out. Written by hand, since instances are the hot path of every enumeration.
Source: DSP0201 2.4, section 7.4.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterable
from typing import Final

import pywbem

from cim_provider.wbem.operations import Selection
from cim_provider.wbem.render_values import (
    array,
    attribute,
    escape,
    null_item,
    reference,
    scalar_text,
)

EVERYTHING: Final = Selection(include_qualifiers=True, include_class_origin=True)
_EMBEDDED: Final = Selection()
_SCOPES: Final = (
    "CLASS",
    "ASSOCIATION",
    "REFERENCE",
    "PROPERTY",
    "METHOD",
    "PARAMETER",
    "INDICATION",
)


def instance(item: pywbem.CIMInstance, selection: Selection) -> str:
    """Return an INSTANCE."""
    properties = "".join([property_element(each, selection) for each in item.properties.values()])
    return (
        f'<INSTANCE CLASSNAME="{attribute(item.classname)}">'
        f"{_qualifiers(item.qualifiers.values(), selection)}{properties}</INSTANCE>"
    )


def cim_class(item: pywbem.CIMClass, selection: Selection) -> str:
    """Return a CLASS."""
    parent = f' SUPERCLASS="{attribute(item.superclass)}"' if item.superclass else ""
    properties = "".join([property_element(each, selection) for each in item.properties.values()])
    methods = "".join([_method(each, selection) for each in item.methods.values()])
    return (
        f'<CLASS NAME="{attribute(item.classname)}"{parent}>'
        f"{_qualifiers(item.qualifiers.values(), selection)}{properties}{methods}</CLASS>"
    )


def value(item: object, cim_type: str) -> str:
    """Return a VALUE, VALUE.ARRAY, VALUE.REFERENCE or VALUE.REFARRAY; nothing for NULL."""
    if item is None:
        return ""
    if isinstance(item, list | tuple):
        name = "VALUE.REFARRAY" if cim_type == "reference" else "VALUE.ARRAY"
        return array((value(each, cim_type) or null_item(cim_type) for each in item), name)
    if isinstance(item, pywbem.CIMInstanceName | pywbem.CIMClassName):
        return reference(item)
    if isinstance(item, pywbem.CIMInstance):
        return f"<VALUE>{escape(instance(item, _EMBEDDED))}</VALUE>"
    if isinstance(item, pywbem.CIMClass):
        return f"<VALUE>{escape(cim_class(item, EVERYTHING))}</VALUE>"
    return f"<VALUE>{scalar_text(item)}</VALUE>"


def embedded(item: object) -> str:
    """Return the attribute that marks a value as an embedded instance or class."""
    first = next(iter(item), None) if isinstance(item, list | tuple) else item
    if isinstance(first, pywbem.CIMInstance):
        return ' EmbeddedObject="instance"'
    return ' EmbeddedObject="object"' if isinstance(first, pywbem.CIMClass) else ""


def qualifier_declaration(item: pywbem.CIMQualifierDeclaration) -> str:
    """Return a QUALIFIER.DECLARATION; the scope ANY is written out, as the DTD has no such."""
    scopes = {name.upper() for name, holds in item.scopes.items() if holds}
    wanted = _SCOPES if "ANY" in scopes else [name for name in _SCOPES if name in scopes]
    scope = "".join(f' {name}="true"' for name in wanted)
    array_size = f' ARRAYSIZE="{int(item.array_size)}"' if item.array_size is not None else ""
    return (
        f'<QUALIFIER.DECLARATION NAME="{attribute(item.name)}" TYPE="{item.type}"'
        f' ISARRAY="{_truth(item.is_array)}"{array_size}{_flavors(item)}>'
        f"<SCOPE{scope}></SCOPE>{value(item.value, item.type)}</QUALIFIER.DECLARATION>"
    )


def property_element(item: pywbem.CIMProperty, selection: Selection) -> str:
    """Return a PROPERTY, PROPERTY.ARRAY or PROPERTY.REFERENCE."""
    cim_type = item.type
    attributes = f'NAME="{attribute(item.name)}"'
    if cim_type == "reference":
        element = "PROPERTY.REFERENCE"
        if item.reference_class:
            attributes += f' REFERENCECLASS="{attribute(item.reference_class)}"'
    else:
        element = "PROPERTY.ARRAY" if item.is_array else "PROPERTY"
        attributes += f' TYPE="{cim_type}"'
        if item.is_array and item.array_size is not None:
            attributes += f' ARRAYSIZE="{int(item.array_size)}"'
        if item.embedded_object:
            attributes += f' EmbeddedObject="{item.embedded_object}"'
    attributes += _origin(item, selection)
    qualifiers = _qualifiers(item.qualifiers.values(), selection)
    return f"<{element} {attributes}>{qualifiers}{value(item.value, cim_type)}</{element}>"


def _origin(item: pywbem.CIMProperty | pywbem.CIMMethod, selection: Selection) -> str:
    text = ""
    if selection.include_class_origin and item.class_origin:
        text = f' CLASSORIGIN="{attribute(item.class_origin)}"'
    return text if item.propagated is None else f'{text} PROPAGATED="{_truth(item.propagated)}"'


def _qualifiers(items: Iterable[pywbem.CIMQualifier], selection: Selection) -> str:
    if not selection.include_qualifiers:
        return ""
    return "".join([_qualifier(each) for each in items])


def _qualifier(item: pywbem.CIMQualifier) -> str:
    propagated = "" if item.propagated is None else f' PROPAGATED="{_truth(item.propagated)}"'
    return (
        f'<QUALIFIER NAME="{attribute(item.name)}" TYPE="{item.type}"{propagated}{_flavors(item)}>'
        f"{value(item.value, item.type)}</QUALIFIER>"
    )


def _flavors(item: pywbem.CIMQualifier | pywbem.CIMQualifierDeclaration) -> str:
    flavors = (
        ("OVERRIDABLE", item.overridable),
        ("TOSUBCLASS", item.tosubclass),
        ("TOINSTANCE", item.toinstance),
        ("TRANSLATABLE", item.translatable),
    )
    return "".join(f' {name}="{_truth(flag)}"' for name, flag in flavors if flag is not None)


def _method(item: pywbem.CIMMethod, selection: Selection) -> str:
    returned = f' TYPE="{item.return_type}"' if item.return_type else ""
    parameters = "".join([_parameter(each, selection) for each in item.parameters.values()])
    return (
        f'<METHOD NAME="{attribute(item.name)}"{returned}{_origin(item, selection)}>'
        f"{_qualifiers(item.qualifiers.values(), selection)}{parameters}</METHOD>"
    )


def _parameter(item: pywbem.CIMParameter, selection: Selection) -> str:
    attributes = f'NAME="{attribute(item.name)}"'
    if item.type == "reference":
        element = "PARAMETER.REFARRAY" if item.is_array else "PARAMETER.REFERENCE"
        if item.reference_class:
            attributes += f' REFERENCECLASS="{attribute(item.reference_class)}"'
    else:
        element = "PARAMETER.ARRAY" if item.is_array else "PARAMETER"
        attributes += f' TYPE="{item.type}"'
    if item.is_array and item.array_size is not None:
        attributes += f' ARRAYSIZE="{int(item.array_size)}"'
    qualifiers = _qualifiers(item.qualifiers.values(), selection)
    return f"<{element} {attributes}>{qualifiers}</{element}>"


def _truth(flag: bool) -> str:
    # Lower case: one of the known clients reads no other in an attribute.
    return "true" if flag else "false"
