"""Shapes of a configuration file: what the tables of keys are made of.

Owns: mappings with known keys, with names, lists, and the short forms that a
person may write instead. Knows no key.
"""

from dataclasses import dataclass

from ha_core.config.kinds import Kind


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an object: what may stand there, what it means, what holds without it."""

    shape: "Shape"
    meaning: str
    default: str = ""
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with known keys."""

    keys: dict[str, Key]
    name: str = ""
    """Of one that has itself among its parts."""

    def needed(self) -> tuple[str, ...]:
        """Return the keys that must be there."""
        return tuple(name for name, key in self.keys.items() if key.needed)


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from names to values of one shape."""

    name: Kind
    value: "Shape"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one shape."""

    value: "Shape"


@dataclass(frozen=True, slots=True)
class Either:
    """A single value, or a mapping that says more."""

    short: Kind
    long: Object

    @property
    def allowed(self) -> str:
        """What may stand there, in words."""
        return f"{self.short.allowed}, or a mapping of {', '.join(self.long.keys)}"


@dataclass(frozen=True, slots=True)
class Names:
    """One name, a list of them, or (with `value`) a mapping that gives each name a value."""

    what: str
    """What the names are of, such as `node`."""
    name: Kind
    value: Kind | Either | None = None
    least: int = 1
    """How many there must be."""

    def allowed(self) -> str:
        """Return in words what may stand there."""
        several = f"a list of {self.what}s" if self.least > 1 else f"a {self.what}, a list of such"
        if self.least > 1:
            return f"{several}, at least {self.least}"
        if self.value is None:
            return several
        more = ", or more" if isinstance(self.value, Either) else ""
        short = self.value.short if isinstance(self.value, Either) else self.value
        return f"{several}, or each with {short.allowed}{more}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """An object whose kind shows by the key that only it has."""

    choices: dict[str, Object]


Shape = Kind | Object | MapOf | ListOf | Either | Names | OneOf
