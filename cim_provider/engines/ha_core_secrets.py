"""Configurations as a console may see them: without secrets, and given back with them.

Owns: the way back; the mask itself is the cluster's own. What comes back with a mask in place of
a secret leaves that as it is, so that a text that was exported can be changed and applied.
"""

from dataclasses import replace
from secrets import token_hex

from ha_core.config.masking import Pairs, masked, with_pairs
from ha_core.config.model import Alert, Configuration, FenceDevice, Node, Primitive
from ha_core.config.secrets import HIDDEN, is_secret
from ha_core.errors import ConfigError

__all__ = ["disguised", "masked", "unmasked"]


def disguised(wanted: Configuration) -> Configuration:
    """Return what is wanted, with another text in place of every secret that it holds.

    Whoever may only look must not learn by a comparison whether a guess was right; masks stay.
    """
    return with_pairs(wanted, _disguised)


def unmasked(wanted: Configuration, known: Configuration) -> Configuration:
    """Return what is wanted, with the secrets that are known where it has the mask.

    Raises: ConfigError: the mask stands where no secret is known.
    """
    primitives = {each.id: each for each in known.primitives}
    devices = {each.id: each for each in known.fence_devices}
    alerts = {each.id: each for each in known.alerts}
    nodes = {each.name: each for each in known.nodes}
    return replace(
        wanted,
        primitives=tuple(_restored(each, primitives.get(each.id)) for each in wanted.primitives),
        fence_devices=tuple(_restored_device(e, devices.get(e.id)) for e in wanted.fence_devices),
        alerts=tuple(_restored_alert(each, alerts.get(each.id)) for each in wanted.alerts),
        nodes=tuple(_restored_node(each, nodes.get(each.name)) for each in wanted.nodes),
    )


def _disguised(pairs: Pairs) -> Pairs:
    return tuple(
        (name, token_hex(16) if is_secret(name) and value != HIDDEN else value)
        for name, value in pairs
    )


def _restored(wanted: Primitive, known: Primitive | None) -> Primitive:
    pairs = known.parameters if known is not None else ()
    return replace(wanted, parameters=_given_back(wanted.id, wanted.parameters, pairs))


def _restored_device(wanted: FenceDevice, known: FenceDevice | None) -> FenceDevice:
    pairs = known.parameters if known is not None else ()
    return replace(wanted, parameters=_given_back(wanted.id, wanted.parameters, pairs))


def _restored_node(wanted: Node, known: Node | None) -> Node:
    pairs = known.attributes if known is not None else ()
    return replace(wanted, attributes=_given_back(wanted.name, wanted.attributes, pairs))


def _restored_alert(wanted: Alert, known: Alert | None) -> Alert:
    """Give an alert its secrets back; recipients are known by their values."""
    pairs = known.parameters if known is not None else ()
    recipients = {item.value: item.parameters for item in known.recipients} if known else {}
    return replace(
        wanted,
        parameters=_given_back(wanted.id, wanted.parameters, pairs),
        recipients=tuple(
            replace(
                item,
                parameters=_given_back(wanted.id, item.parameters, recipients.get(item.value, ())),
            )
            for item in wanted.recipients
        ),
    )


def _given_back(owner: str, wanted: Pairs, known: Pairs) -> Pairs:
    secrets = dict(known)
    missing = [
        name
        for name, value in wanted
        if value == HIDDEN and is_secret(name) and name not in secrets
    ]
    if missing:
        text = f"{owner}: {missing[0]} is {HIDDEN}, and no secret is known: give it"
        raise ConfigError(text)
    return tuple(
        (name, secrets[name] if value == HIDDEN and is_secret(name) else value)
        for name, value in wanted
    )
