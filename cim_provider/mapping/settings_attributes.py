"""HA_InstanceAttributes, HA_MetaAttributes, HA_NodeAttributes, HA_ClusterProperty.

Owns: their paths and properties, and whose they are. A key says which object of the configuration
is meant: the id of an attribute is made of its resource or node, its kind and its name
(`AttributeView.id`, `NodeAttributeView.id`), that of an option of its name (`OptionView.id`);
`World.view.settings` finds them by these.
Source: Linux-HA 2.1's provider for HA_InstanceAttributes.
"""

from collections.abc import Iterator
from typing import Final

from cim_provider.engines.ha_core_secrecy import HIDDEN
from cim_provider.mapping.resource import resource_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    unfilled,
)
from cim_provider.mapping.settings_texts import caption
from cim_provider.mapping.world import World
from cim_provider.views.settings import AttributeView, NodeAttributeView, OptionView

ATTRIBUTE_CLASS: Final = "HA_InstanceAttributes"
META_CLASS: Final = "HA_MetaAttributes"
NODE_ATTRIBUTE_CLASS: Final = "HA_NodeAttributes"
OPTION_CLASS: Final = "HA_ClusterProperty"


def attribute_ref(item: AttributeView) -> Ref:
    """Return the name of an attribute of a resource."""
    is_parameter = item.kind == "parameter"
    keys = (("Id", item.id), ("ResourceId", item.resource))
    return Ref(ATTRIBUTE_CLASS if is_parameter else META_CLASS, keys)


def node_attribute_ref(item: NodeAttributeView) -> Ref:
    """Return the name of an attribute of a node."""
    return Ref(NODE_ATTRIBUTE_CLASS, (("Id", item.id), ("NodeName", item.node)))


def option_ref(item: OptionView) -> Ref:
    """Return the name of an option of the cluster."""
    return Ref(OPTION_CLASS, (("Id", item.id),))


def _has_agent(world: World, resource: str) -> bool:
    return resource in world.primitives or resource in world.devices


def _parameters(world: World) -> Iterator[AttributeView]:
    return (
        item
        for item in world.view.settings.attributes
        if item.kind == "parameter" and _has_agent(world, item.resource)
    )


def _metas(world: World) -> Iterator[AttributeView]:
    return (
        item
        for item in world.view.settings.attributes
        if item.kind != "parameter" and resource_ref(world, item.resource) is not None
    )


def _parameter(world: World, identity: tuple[str, ...]) -> AttributeView | None:
    found = world.view.settings.attribute.get((identity[0], identity[1]))
    is_here = found is not None and found.kind == "parameter"
    return found if is_here and _has_agent(world, identity[0]) else None


def _meta(world: World, identity: tuple[str, ...]) -> AttributeView | None:
    found = world.view.settings.attribute.get((identity[0], identity[1]))
    is_here = found is not None and found.kind != "parameter"
    return found if is_here and resource_ref(world, identity[0]) is not None else None


_ATTRIBUTE: Final[tuple[Column[AttributeView], ...]] = (
    Column("Name", "its name", lambda a: a.name),
    Column("IsSecret", "its name", lambda a: a.is_secret),
    Column("IsDefault", "whether it is said for all resources alone", lambda a: a.is_default),
    Column("SetId", "resource and kind", lambda a: a.set_id),
    Column("ElementName", "its name", lambda a: a.name),
    *unfilled("InstanceID", "BaseRevision"),
)
_PARAMETER: Final[tuple[Column[AttributeView], ...]] = (
    *_ATTRIBUTE,
    Column(
        "Value",
        "value of the parameter; hidden if its name says that it is secret",
        lambda a: HIDDEN if a.is_secret else a.value,
    ),
    Column(
        "Caption",
        "InstanceAttributes., resource and id",
        lambda a: caption(f"InstanceAttributes.{a.resource}-{a.id}"),
    ),
    *unfilled("Description"),
)
_META: Final[tuple[Column[AttributeView], ...]] = (
    *_ATTRIBUTE,
    Column(
        "Value",
        "value of the option; hidden if its name says that it is secret",
        lambda a: HIDDEN if a.is_secret else a.value,
    ),
    Column("Caption", "MetaAttributes. and id", lambda a: caption(f"MetaAttributes.{a.id}")),
    Column(
        "Description",
        "where it is said",
        lambda a: f"{a.name} of {'all resources' if a.is_default else a.resource}",
    ),
)
_NODE_ATTRIBUTE: Final[tuple[Column[NodeAttributeView], ...]] = (
    Column("Name", "its name", lambda a: a.name),
    Column(
        "Value",
        "its value; hidden if its name says that it is secret",
        lambda a: HIDDEN if a.is_secret else a.value,
    ),
    Column("IsTransient", "whether it is measured", lambda a: a.is_transient),
    Column("IsSecret", "its name", lambda a: a.is_secret),
    Column("ElementName", "its name", lambda a: a.name),
    Column("Caption", "NodeAttributes. and id", lambda a: caption(f"NodeAttributes.{a.id}")),
    Column(
        "Description",
        "whether it is configured or measured",
        lambda a: f"{a.name} of {a.node}, {'measured' if a.is_transient else 'configured'}",
    ),
    *unfilled("InstanceID", "BaseRevision"),
)
_OPTION: Final[tuple[Column[OptionView], ...]] = (
    Column("Name", "name of the option", lambda o: o.name),
    Column("Value", "what is set, else its default if that is a value", lambda o: o.value),
    Column("DefaultValue", "table of options", lambda o: o.default or None),
    Column("ValueType", "table of options", lambda o: o.value_type),
    Column("AllowedValues", "table of options", lambda o: o.allowed),
    Column("IsSet", "whether the configuration says it", lambda o: o.is_set),
    Column("Description", "table of options", lambda o: o.description),
    Column("ElementName", "name of the option", lambda o: o.name),
    Column("Caption", "ClusterProperty. and name", lambda o: caption(f"ClusterProperty.{o.name}")),
    *unfilled("InstanceID", "BaseRevision"),
)


def _of_resources(world: World) -> Iterator[Pair]:
    for item in _parameters(world):
        owner = resource_ref(world, item.resource)
        assert owner is not None, item.resource
        yield Pair(owner, attribute_ref(item))


def _metas_of_resources(world: World) -> Iterator[Pair]:
    for item in _metas(world):
        owner = resource_ref(world, item.resource)
        assert owner is not None, item.resource
        yield Pair(owner, attribute_ref(item))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        ATTRIBUTE_CLASS,
        ("ResourceId", "Id"),
        _parameters,
        attribute_ref,
        _PARAMETER,
        find=_parameter,
    ),
    class_row(META_CLASS, ("ResourceId", "Id"), _metas, attribute_ref, _META, find=_meta),
    class_row(
        NODE_ATTRIBUTE_CLASS,
        ("NodeName", "Id"),
        lambda world: world.view.settings.node_attributes,
        node_attribute_ref,
        _NODE_ATTRIBUTE,
        find=lambda world, keys: world.view.settings.node_attribute.get((keys[0], keys[1])),
    ),
    class_row(
        OPTION_CLASS,
        ("Id",),
        lambda world: world.view.settings.options,
        option_ref,
        _OPTION,
        find=lambda world, keys: world.view.settings.option.get(keys[0]),
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_AttributesOfResource", "Resource", "InstanceAttributes", _of_resources),
    AssociationRow(
        "HA_MetaAttributesOfResource", "Resource", "MetaAttributes", _metas_of_resources
    ),
)
"""The associations of this module."""
