"""What a CIB says, made valid: what our rules refuse is left out, with the rule's own words.

Owns: the work from parts to a configuration without faults. It ends, as each round leaves
something out.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar

from ha_core.config.build import build
from ha_core.config.check import check
from ha_core.config.check_raw import raw_faults
from ha_core.config.cib.form import Plain
from ha_core.config.cib.read import Reading
from ha_core.config.model import (
    Colocation,
    Configuration,
    Constraint,
    Location,
    Ordering,
    Rule,
    TicketConstraint,
)
from ha_core.config.read import Reader
from ha_core.config.tree import TreeError, read_tree
from ha_core.config.words import collect
from ha_core.errors import ConfigError
from ha_core.policy.cib.tree import Element

T = TypeVar("T", Location, Rule, Colocation, Ordering, TicketConstraint)
_FAULT: Final = re.compile(r"[^:]*:\d+: (\S+): (.*)", re.DOTALL)
_FILE: Final = "CIB"
_WHOLE: Final = ("constraints",)
"""Sections whose parts are left out as a whole: half a constraint is another one."""
_NEEDED: Final = ("agent", "group", "addresses")
"""Keys without which their part cannot be."""
_PATIENCE: Final = 8
"""Rounds in which single constraints are left out; then all of their kind are."""
_ROUNDS_MAX: Final = 20


def settle(reading: Reading) -> Configuration:
    """Return the configuration.

    Raises:
        ConfigError: a fault that nothing can be left out for, such as no node at all.
    """
    faults: list[str] = []
    for number in range(_ROUNDS_MAX):
        configuration, faults = _judge(reading.plain)
        if not faults and configuration is not None:
            return _with_words(configuration, reading)
        if number >= _PATIENCE:
            _leave_out_kinds(reading, faults)
            continue
        done: set[str] = set()
        for fault in faults:
            _leave_out(reading, fault, done)
    raise ConfigError(f"too much does not fit together; first: {faults[0]}")


def _judge(plain: Plain) -> tuple[Configuration | None, list[str]]:
    reader = Reader(_FILE)
    try:
        raw = reader.read_file(read_tree(json.dumps(plain)))
    except TreeError as error:
        raise ConfigError(f"the configuration that it makes {error}") from None
    if raw is None:
        return None, reader.faults()
    configuration = build(raw)
    for fault in (*raw_faults(raw), *check(configuration)):
        reader.add(fault.path, fault.text)
    return configuration, reader.faults()


def _leave_out(reading: Reading, fault: str, done: set[str]) -> None:
    found = _FAULT.fullmatch(fault)
    path, text = (found[1], found[2]) if found else ("", fault)
    removed = _remove(reading.plain, path)
    if not removed:
        if any(owner in done for owner in _owners(path)):
            return  # gone with it
        raise ConfigError(f"{path}: {text}" if path else text)
    done.add(removed)
    reading.ledger.note(_place(reading, path), f"{removed} is left out: {path} {text}")


def _leave_out_kinds(reading: Reading, faults: list[str]) -> None:
    """Leave out all orderings where some go round in circles without an end, and the like."""
    constraints = reading.plain["constraints"]
    paths = [found[1] for fault in faults if (found := _FAULT.fullmatch(fault))]
    steps = [_steps(reading.plain, path) for path in paths]
    kinds = {
        next(iter(step[1][0][step[1][1]])) for step in steps if step[1:] and step[0][1] in _WHOLE
    }
    if not kinds:
        raise ConfigError(f"too much does not fit together; first: {faults[0]}")
    for name in [name for name, part in constraints.items() if next(iter(part)) in kinds]:
        del constraints[name]
        place = _place(reading, f"constraints.{name}")
        reading.ledger.note(place, f"constraints.{name} is left out: too many like it contradict")


def _place(reading: Reading, path: str) -> Element:
    places = reading.names.places
    return next((places[p] for p in _owners(path) if p in places), reading.source.root)


def _owners(path: str) -> Iterator[str]:
    """Yield the path, and that of each part that it may be in: names have dots, as paths have."""
    while path:
        yield path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]


def _remove(plain: Plain, path: str) -> str:
    """Remove what the path names, or the part that cannot be without it; return its path."""
    steps = _steps(plain, path)
    depth = len(steps)
    if depth < 2:
        return ""
    section = steps[0][1]
    if section in _WHOLE or (section in ("resources", "fence_devices") and _is_needed(steps)):
        depth = 2
    elif section == "nodes" and (depth == 2 or steps[2][1] == "addresses"):
        return ""
    owner, key = steps[depth - 1]
    if isinstance(owner, list):
        assert isinstance(key, int)
        del owner[key]
    else:
        owner.pop(key)
    shown = ""
    for _, step in steps[:depth]:
        shown += f"[{step}]" if isinstance(step, int) else f".{step}"
    return shown.removeprefix(".")


def _is_needed(steps: list[tuple[Any, Any]]) -> bool:
    return len(steps) == 3 and steps[2][1] in _NEEDED


def _steps(whole: Any, path: str) -> list[tuple[Any, Any]]:
    """Return the way to what the path names, as far as it is there: owners and keys."""
    found: list[tuple[Any, Any]] = []
    while path:
        key: str | int | None = None
        rest = ""
        if isinstance(whole, dict):
            key = next((name for name in _owners(path) if name in whole), None)
            rest = path[len(str(key)) :].removeprefix(".")
        else:
            number = re.match(r"\[(\d+)\]\.?", path)
            if isinstance(whole, list) and number is not None and int(number[1]) < len(whole):
                key, rest = int(number[1]), path[number.end() :]
        if key is None:
            break
        found.append((whole, key))
        whole, path = whole[key], rest
    return found


def _with_words(configuration: Configuration, reading: Reading) -> Configuration:
    """Return it with the words that its constraints stand for, as far as they still do."""
    sources = {name: source for source, names in reading.words.items() for name in names}
    if not sources:
        return configuration
    worded = _sourced(configuration, sources)
    parts, alone = collect(worded)
    broken = dict.fromkeys(item.source for item in alone if item.source)
    for source in (*broken, *(s for s in reading.words if s not in {*parts, *broken})):
        text = f"{source} is left out: the constraints are not what the word makes, and stay"
        reading.ledger.note(reading.source.root, text)
    kept = {name: source for name, source in sources.items() if source in parts}
    worded = _sourced(configuration, kept)
    return configuration if check(worded) else worded


def _sourced(configuration: Configuration, sources: dict[str, str]) -> Configuration:
    return replace(
        configuration,
        locations=_told(configuration.locations, sources),
        rules=_told(configuration.rules, sources),
        colocations=_told(configuration.colocations, sources),
        orderings=_told(configuration.orderings, sources),
        tickets=_told(configuration.tickets, sources),
    )


def _told(items: tuple[T, ...], sources: dict[str, str]) -> tuple[T, ...]:
    return tuple(replace(item, source=sources.get(item.id, "")) for item in items)


def bare(configuration: Configuration) -> tuple[Configuration, dict[str, list[str]]]:
    """Return it with every constraint standing for itself, and the words that these stand for."""
    words: dict[str, list[str]] = {}
    items: list[Constraint] = list(configuration.constraints())
    for item in items:
        if item.source:
            words.setdefault(item.source, []).append(item.id)
    return _sourced(configuration, {}), words
