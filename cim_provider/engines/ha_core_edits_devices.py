"""Edits carried out on the fence devices of a configuration of Beatkeeper's.

Owns: what edits of primitives mean where their agent is one of fence devices. What the file says as
a list or a mapping is one text here, as a console is shown it: `n1 n2`, `n1=4 n2=5`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from cim_provider.edits import (
    Change,
    ChangeResource,
    EditError,
    MakePrimitive,
    RemoveResource,
    SetParameter,
    Words,
)
from cim_provider.engines.ha_core_edits_texts import Names, read, words_of
from ha_core.config import keys
from ha_core.config.faults import shown
from ha_core.config.kinds import Kind
from ha_core.config.model import Configuration, FenceDevice
from ha_core.config.shapes import ListOf, MapOf
from ha_core.ids import ResourceId

CLASSES: Final = ("fence", "stonith")
DeviceEdit: TypeAlias = MakePrimitive | ChangeResource | RemoveResource | SetParameter
_SINGLE: Final[Names] = {
    **{name: name for name in ("action", "unfence")},
    **{name: f"{name}_ms" for name in ("delay", "random_delay", "settle")},
}
_NAMES: Final = tuple(name for name in keys.DEVICE.keys if name not in ("agent", "parameters"))


def is_of_device(configuration: Configuration, change: Change) -> bool:
    """Return whether a change is of a fence device; a name that a resource has means that one."""
    match change:
        case MakePrimitive(agent_class=agent_class):
            return agent_class in CLASSES
        case ChangeResource(id=name) | RemoveResource(id=name) | SetParameter(resource=name):
            return _find(configuration, name) is not None and not _is_resource(configuration, name)
        case _:
            return False


def with_device(configuration: Configuration, change: DeviceEdit) -> Configuration:
    """Return it with the change. Raises EditError: it means nothing for a fence device."""
    match change:
        case MakePrimitive():
            return _made(configuration, change)
        case ChangeResource():
            return _put(configuration, _changed(_known(configuration, change.id), change))
        case SetParameter():
            return _put(configuration, _told(_known(configuration, change.resource), change))
        case RemoveResource():
            return _without(configuration, change.id)


def _made(configuration: Configuration, new: MakePrimitive) -> Configuration:
    path = f"fence_devices.{new.id}"
    if _is_resource(configuration, new.id) or _find(configuration, new.id) is not None:
        raise EditError("exists", f"there is a resource or fence device {shown(new.id)} already")
    if new.operations:
        text = f"{path}: has operation {shown(new.operations[0].action)}"
        raise EditError("invalid", f"{text}; allowed: none, the cluster asks the device by itself")
    if new.description:
        raise EditError("invalid", f"{path}.description: is given; allowed: none")
    device = FenceDevice(new.id, f"{new.agent_class}:{new.type}", new.parameters)
    device = replace(device, **_words(new.words, path))
    return replace(configuration, fence_devices=(*configuration.fence_devices, device))


def _changed(device: FenceDevice, change: ChangeResource) -> FenceDevice:
    path = f"fence_devices.{device.id}"
    if change.description or change.members is not None:
        raise EditError("invalid", f"{path}: a fence device has no description and no members")
    if change.agent is not None:
        agent_class, _, agent_type = change.agent
        device = replace(device, agent=f"{agent_class}:{agent_type}")
    return replace(device, **_words(change.words, path))


def _told(device: FenceDevice, change: SetParameter) -> FenceDevice:
    pairs = dict(device.parameters)
    if change.value is not None:
        pairs[change.name] = change.value
    elif pairs.pop(change.name, None) is None:
        raise EditError("not-found", f"{device.id} has no parameter {shown(change.name)}")
    return replace(device, parameters=tuple(pairs.items()))


def _without(configuration: Configuration, name: str) -> Configuration:
    """Return it without a device; what its levels have left stays, and an empty level goes."""
    devices = tuple(each for each in configuration.fence_devices if each.id != name)
    nodes = []
    for node in configuration.nodes:
        left = (tuple(each for each in level if each != name) for level in node.fence_levels)
        nodes.append(replace(node, fence_levels=tuple(level for level in left if level)))
    return replace(configuration, fence_devices=devices, nodes=tuple(nodes))


# --- words -----------------------------------------------------------------------------------


def _words(words: Words, path: str) -> Mapping[str, Any]:
    """Return what the words say, by the model's fields. Raises EditError."""
    usual = FenceDevice("", "")
    single = words_of(words, _SINGLE)
    found = read(single, keys.DEVICE.keys, _SINGLE, path, usual)
    for name, text in words:
        if name in _SINGLE:
            continue
        place = f"{path}.{name[:64]}"
        if name not in _NAMES:
            raise EditError("invalid", f"{place}: is an unknown key; allowed: {', '.join(_NAMES)}")
        found[name] = () if text is None else _several(name, text, place)
    return found


def _several(name: str, text: str, path: str) -> tuple[object, ...]:
    """Return the parts of a text, each read as the file's."""
    shape = keys.DEVICE.keys[name].shape
    if isinstance(shape, ListOf):
        return tuple(_read(shape.value, part, path) for part in text.split())
    assert isinstance(shape, MapOf), f"{path} is neither a list nor a mapping"
    found = {}
    for part in text.split():
        key, has_value, value = part.partition("=")
        if not has_value:
            raise EditError(
                "invalid", f"{path}: is {shown(part)}; allowed: NAME=VALUE NAME=VALUE …"
            )
        found[str(_read(shape.name, key, path))] = _read(shape.value, value, f"{path}.{key[:64]}")
    return tuple(found.items())


def _read(kind: object, text: str, path: str) -> object:
    assert isinstance(kind, Kind), f"{path} is no single value"
    try:
        return kind.read(text)
    except ValueError as fault:
        raise EditError("invalid", f"{path}: is {shown(text)}; allowed: {kind.allowed}") from fault


# --- parts -----------------------------------------------------------------------------------


def _find(configuration: Configuration, name: str) -> FenceDevice | None:
    return next((each for each in configuration.fence_devices if each.id == name), None)


def _known(configuration: Configuration, name: str) -> FenceDevice:
    found = _find(configuration, name)
    assert found is not None, "who calls has seen that it is there"
    return found


def _is_resource(configuration: Configuration, name: str) -> bool:
    wanted = ResourceId(name)
    return (
        configuration.primitive(wanted)
        or configuration.group(wanted)
        or configuration.clone(wanted)
    ) is not None


def _put(configuration: Configuration, new: FenceDevice) -> Configuration:
    devices = tuple(new if each.id == new.id else each for each in configuration.fence_devices)
    return replace(configuration, fence_devices=devices)
