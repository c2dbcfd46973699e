"""Pacemaker's configuration (CIB) turned into ours, and ours into a CIB.

Owns: both ways as a whole. Opens no file. Public: `import_cib`, `export_cib`, `Imported`.
"""

from dataclasses import dataclass

from ha_core.config import limits
from ha_core.config.cib.form import Plain, difference, text_of
from ha_core.config.cib.read import Reading, read
from ha_core.config.cib.settle import bare, settle
from ha_core.config.cib.write import Written, write
from ha_core.config.faults import listed
from ha_core.config.model import Configuration
from ha_core.config.render import plain, render
from ha_core.errors import ConfigError
from ha_core.ids import ResourceId
from ha_core.policy.cib.tree import Element, parse

__all__ = ["Imported", "export_cib", "import_cib"]


@dataclass(frozen=True, slots=True)
class Imported:
    """Our YAML, and what its reader should know: `FILE:LINE: …` where an element is the cause."""

    yaml_text: str
    notes: tuple[str, ...]


def export_cib(configuration: Configuration) -> str:
    """Return the configuration as a CIB, from which `import_cib` makes the very same one.

    What Pacemaker cannot say is found by reading what it can say, and stands beside it in pairs
    of our own.
    """
    whole, words = bare(configuration)
    written = write(whole)
    want, have = plain(whole), read(written.root, "").plain
    top = ("cluster", "links", "tickets")
    one, other = ({name: part[name] for name in top if name in part} for part in (have, want))
    for key, value in difference(one, other).items():
        written.own(key, value)
    defaults = _part(want, "defaults")
    pieces = [(name, have[name], _part(want, name)) for name in ("options", "ping")]
    pieces += [
        (f"defaults.{name}", have["defaults"][name], _part(defaults, name))
        for name in ("resource", "operation")
    ]
    for path, there, wanted in pieces:
        for key, value in difference(there, wanted).items():
            written.own(f"{path}.{key}", value)
    for section, ids in (("nodes", {}), ("constraints", written.constraints), ("alerts", {})):
        for name, part in _parts(want, section):
            for key, value in difference(have[section].get(name, {}), part).items():
                written.own(f"{section}.{ids.get(name, name)}.{key}", value)
    _own_of_resources(configuration, written, have, want)
    for section in ("resources", "fence_devices", "constraints"):
        order = [name for name, _ in _parts(want, section)]
        if list(have[section]) != order:
            written.own(f"order.{section}", order)
    for source, names in words.items():
        written.own(f"words.{source}", " ".join(names))
    return text_of(written.root)


def _own_of_resources(
    configuration: Configuration, written: Written, have: Plain, want: Plain
) -> None:
    """Write what only we can say of a resource or device beside it; of a clone, at the clone."""
    for section, elements in (("resources", written.resources), ("fence_devices", written.devices)):
        for name, part in _parts(want, section):
            for key, value in difference(have[section].get(name, {}), part).items():
                clone = configuration.clone_of(ResourceId(name)) if key == "clone" else None
                if clone is None:
                    written.own_of(elements[name], key, value)
                    continue
                inner = have[section][name].get(key)
                for option, said in difference(_mapping(inner), _mapping(value)).items():
                    written.own_of(elements[clone.id], option, said)


def _mapping(part: object) -> Plain:
    """Return the words of a clone, which may be `true` alone."""
    return part if isinstance(part, dict) else {}


def _part(whole: Plain, name: str) -> Plain:
    part = whole.get(name, {})
    assert isinstance(part, dict)
    return part


def _parts(whole: Plain, section: str) -> list[tuple[str, Plain]]:
    return list(_part(whole, section).items())


def import_cib(text: bytes, file: str = "the CIB") -> Imported:
    """Return what the CIB means here.

    Raises:
        ConfigError: it is no CIB, or what it says is no configuration even with much left out.
    """
    try:
        root = parse(text)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    if root.tag != "cib" or root.child("configuration") is None:
        what = f"<{root.tag}>" if root.tag != "cib" else "<cib> without <configuration>"
        raise ConfigError(f"{file}: is {what}; allowed: a CIB, as 'cibadmin --query' prints it")
    return _imported(root, file)


def _imported(root: Element, file: str) -> Imported:
    reading = read(root, file)
    fill_in = _complete(reading)
    learners = _learners(reading)
    try:
        configuration = settle(reading)
    except ConfigError as error:
        raise ConfigError([f"{file}: {fault}" for fault in error.faults]) from None
    notes = [*reading.ledger.notes(), *(f"{file}: {text}" for text in reading.source.left_out)]
    notes += [f"fill in {item}" for item in fill_in]
    notes += learners + _general(reading)
    return Imported(_head(fill_in) + render(configuration), tuple(notes))


def _complete(reading: Reading) -> list[str]:
    """Fill in what a CIB never says and we need; return what of it must be looked at."""
    plain, fill_in = reading.plain, []
    if not plain["links"]:
        plain["links"] = {"ring0": {}}
    link = next(iter(plain["links"])) if isinstance(plain["links"], dict) else "ring0"
    for name, part in plain["nodes"].items():
        if not part.get("addresses"):
            part["addresses"] = {link: name}
            fill_in.append(f"nodes.{name}.addresses.{link}: {name}'s address, if its name is none")
    options = plain["options"]
    is_ignored = options.get("no_quorum_policy") == "ignore"
    if is_ignored and "no_quorum_acknowledgement" not in options:
        del options["no_quorum_policy"]
        text = "options.no_quorum_policy: it is ignore, which needs words that accept it"
        fill_in.append(f"{text} (no_quorum_acknowledgement); until then it is stop")
    aims = "the nodes that it can cut off"
    return fill_in + [f"fence_devices.{name}.targets: {aims}" for name in reading.untargeted]


def _learners(reading: Reading) -> list[str]:
    """Take the vote from nodes beyond the most that may vote; every node of Pacemaker has one."""
    nodes = reading.plain["nodes"]
    voters = [name for name, part in nodes.items() if part.get("voter", True) is True]
    for name in voters[limits.VOTERS_MAX :]:
        nodes[name]["voter"] = False
    if len(voters) <= limits.VOTERS_MAX:
        return []
    return [f"{len(voters)} nodes, of which the first {limits.VOTERS_MAX} vote"]


def _general(reading: Reading) -> list[str]:
    found = []
    if reading.unwatched:
        names = listed(reading.unwatched)
        found.append(
            f"without a monitor in the CIB, and so not watched: {names}; "
            "write 'monitor: {interval: 10s}' where it is wanted"
        )
    return found


def _head(fill_in: list[str]) -> str:
    """Return comments for the top of the file: what must be done before it is applied."""
    lines = ["# Made from a Pacemaker CIB by 'ha import cib'."]
    if fill_in:
        lines += ["# To be filled in:", *(f"#   {item}" for item in fill_in)]
    return "".join(f"{line}\n" for line in lines)
