"""Meta attributes: from pairs of words to options that hold.

Owns: their defaults, `rsc_defaults` and `op_defaults`.
Source: Pacemaker Explained, "Resource Meta-Attributes", "Operation Properties".
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from ha_core.ids import INFINITY
from ha_core.policy.cib import pairs, values
from ha_core.policy.cib.rules import Facts, Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Meta, MultipleActive, NoQuorum, Requires, Role

_OLD_NAMES: Final = {
    "resource-stickiness": "resource_stickiness",
    "is-managed": "is_managed",
    "target-role": "target_role",
    "multiple-active": "multiple_active",
}
COUNT_MAX: Final = 1_000_000
_Word = TypeVar("_Word", bound=StrEnum)


class Options:
    """One resource's options as words; what cannot be read counts as not set, with a remark."""

    def __init__(self, source: Source, element: Element, wanted: Mapping[str, str]) -> None:
        self._source = source
        self._element = element
        self._wanted = wanted

    def text(self, name: str) -> str | None:
        """Return a value as written."""
        found = self._wanted.get(name)
        if found is None and name in _OLD_NAMES:
            return self._wanted.get(_OLD_NAMES[name])
        return found

    def boolean(self, name: str, default: bool) -> bool:
        """Return a boolean."""
        text = self.text(name)
        if text is None:
            return default
        found = values.boolean(text)
        if found is None:
            self.odd(name, text, "true or false")
            return default
        return found

    def score(self, name: str, default: int) -> int:
        """Return a score."""
        text = self.text(name)
        if text is None:
            return default
        found = self._source.score(text)
        if found is None:
            self.odd(name, text, "a score")
            return default
        return found

    def count(self, name: str, default: int, old: str = "") -> int:
        """Return a number of 0 or more."""
        text = self.text(name)
        if text is None and old:
            text = self.text(old)
        if text is None:
            return default
        found = values.score(text)
        if found is None or found < 0:
            self.odd(name, text, "0 or more")
            return default
        return min(found, COUNT_MAX)

    def seconds(self, name: str) -> int:
        """Return an interval in seconds, 0 if not set."""
        text = self.text(name)
        if text is None:
            return 0
        found = values.seconds(text)
        if found is None:
            self.odd(name, text, "an interval such as 10s")
            return 0
        return found

    def word(self, name: str, default: _Word) -> _Word:
        """Return one of an enumeration's words."""
        text = self.text(name)
        if text is None:
            return default
        allowed = {word.value: word for word in type(default)}
        found = allowed.get(text.strip().lower())
        if found is None:
            self.odd(name, text, ", ".join(allowed))
            return default
        return found

    def odd(self, name: str, text: str, allowed: str) -> None:
        """Say that a value cannot be read."""
        self._source.leave_out(
            self._element, f"{name} is {text!r}, allowed: {allowed}; its default holds instead"
        )


class Defaults:
    """`rsc_defaults`, `op_defaults`, and the defaults that follow from the cluster's options."""

    def __init__(
        self,
        source: Source,
        rules: Rules,
        *,
        fencing_enabled: bool,
        has_unfencing: bool,
        no_quorum: NoQuorum,
    ) -> None:
        self._source = source
        self._rules = rules
        self._resource_blocks = source.configuration("rsc_defaults")
        self._operation_blocks = source.configuration("op_defaults")
        self._known: dict[tuple[str, str, str] | None, dict[str, str]] = {}
        self.fencing_enabled = fencing_enabled
        if has_unfencing and fencing_enabled:
            self.requires = Requires.UNFENCING
        elif fencing_enabled:
            self.requires = Requires.FENCING
        else:
            ignores = no_quorum is NoQuorum.IGNORE
            self.requires = Requires.NOTHING if ignores else Requires.QUORUM

    def resource(
        self,
        own: Mapping[str, str],
        inherited: Mapping[str, str],
        agent: tuple[str, str, str] | None,
    ) -> dict[str, str]:
        """Return what holds for a resource: its own, its parents', the defaults'."""
        if agent not in self._known:
            judge = self._rules.judge(Facts(agent=agent or ("", "", "")))
            self._known[agent] = pairs.settled(self._source, self._resource_blocks, judge)
        return {**self._known[agent], **inherited, **own}

    def operation(self, agent: tuple[str, str, str], name: str, interval_ms: int) -> dict[str, str]:
        """Return the defaults of one operation."""
        if not self._operation_blocks:
            return {}
        judge = self._rules.judge(Facts(agent=agent, operation=(name, interval_ms)))
        return pairs.settled(self._source, self._operation_blocks, judge)


def read_meta(options: Options, defaults: Defaults, *, is_device: bool) -> Meta:
    """Return the options as they hold."""
    threshold = options.score("migration-threshold", INFINITY)
    if threshold < 0:
        options.odd("migration-threshold", str(threshold), "0 or more")
        threshold = INFINITY
    return Meta(
        target_role=_target_role(options),
        is_managed=options.boolean("is-managed", True),
        is_maintenance=options.boolean("maintenance", False),
        stickiness=options.score("resource-stickiness", 0),
        priority=options.score("priority", 0),
        migration_threshold=threshold,
        failure_timeout_s=options.seconds("failure-timeout"),
        requires=_requires(options, defaults, is_device=is_device),
        multiple_active=_multiple_active(options),
        is_critical=options.boolean("critical", True),
        allow_migrate=options.boolean("allow-migrate", False),
        allow_unhealthy_nodes=options.boolean("allow-unhealthy-nodes", False),
    )


def _target_role(options: Options) -> Role:
    text = options.text("target-role")
    if text is None or text.strip().lower() in ("started", "default"):
        return Role.PROMOTED
    found = values.role(text)
    if found is None:
        options.odd("target-role", text, "Stopped, Started, Unpromoted, Promoted")
        return Role.PROMOTED
    return Role.PROMOTED if found is Role.STARTED else found


def _requires(options: Options, defaults: Defaults, *, is_device: bool) -> Requires:
    default = Requires.QUORUM if is_device else defaults.requires
    found = options.word("requires", default)
    if found is Requires.UNFENCING and (is_device or not defaults.fencing_enabled):
        return Requires.QUORUM
    return found


def _multiple_active(options: Options) -> MultipleActive:
    text = options.text("multiple-active")
    if text is not None and text.strip().lower() == "stop_start_only":
        return MultipleActive.STOP_START
    return options.word("multiple-active", MultipleActive.STOP_START)
