"""Cluster-wide options (`crm_config`), under their old and new names.

Source: Pacemaker Explained, "Cluster Options"; names of 2.1 and of 3.0.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from ha_core.ids import INFINITY
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.engine.problem import Health, NoQuorum, Options, Strategy

_NEW_NAMES: Final = {
    "stonith-enabled": "fencing-enabled",
    "stonith-action": "fencing-action",
    "stop-orphan-resources": "stop-removed-resources",
    "stop-orphan-actions": "cancel-removed-actions",
}
_HEALTH_FIXED: Final = {
    "none": (0, 0, 0),
    "migrate-on-red": (-INFINITY, 0, 0),
    "only-green": (-INFINITY, -INFINITY, 0),
}
_Word = TypeVar("_Word", bound=StrEnum)


class Properties:
    """The options as read; whatever cannot be read counts as not set, with a remark."""

    def __init__(self, source: Source, pairs: Mapping[str, str]) -> None:
        self._source = source
        self._pairs = {_NEW_NAMES.get(name, name): value for name, value in pairs.items()}

    def text(self, name: str, default: str = "") -> str:
        """Return a value as it is written."""
        return self._pairs.get(name, default)

    def boolean(self, name: str, default: bool) -> bool:
        """Return a boolean."""
        text = self._pairs.get(name)
        if text is None:
            return default
        found = values.boolean(text)
        if found is None:
            self._odd(name, text, "true or false", "true" if default else "false")
            return default
        return found

    def word(self, name: str, default: _Word) -> _Word:
        """Return one of an enumeration's words."""
        text = self._pairs.get(name)
        if text is None:
            return default
        allowed = {word.value: word for word in type(default)}
        found = allowed.get(text.strip().lower())
        if found is None:
            self._odd(name, text, ", ".join(allowed), default.value)
            return default
        return found

    def score(self, name: str, default: int) -> int:
        """Return a score."""
        text = self._pairs.get(name)
        if text is None:
            return default
        words = {"red": "node-health-red", "yellow": "node-health-yellow"}
        if text in words and text != name.rpartition("-")[2]:
            return self.score(words[text], -INFINITY if text == "red" else 0)
        found = values.score(text)
        if found is None:
            self._odd(name, text, "a score", str(default))
            return default
        return found

    def seconds(self, name: str) -> int:
        """Return an interval in seconds; 0 if it is not set."""
        text = self._pairs.get(name)
        if text is None:
            return 0
        found = values.seconds(text)
        if found is None:
            self._odd(name, text, "an interval such as 10s", "0")
            return 0
        return found

    def _odd(self, name: str, text: str, allowed: str, instead: str) -> None:
        self._source.remark(
            f"option {name} is {text!r}, allowed: {allowed}; it counts as {instead}"
        )


def read_options(source: Source, properties: Properties, *, has_device: bool) -> Options:
    """Return the options; `has_device`: a fencing device is configured."""
    root = source.root
    no_quorum = properties.text("no-quorum-policy")
    if no_quorum.strip().lower() == "suicide":
        policy = NoQuorum.FENCE
    else:
        policy = properties.word("no-quorum-policy", NoQuorum.STOP)
    enabled = properties.boolean("fencing-enabled", True)
    if policy is NoQuorum.FENCE and not enabled:
        policy = NoQuorum.STOP
    action = properties.text("fencing-action", "reboot").strip().lower()
    has_watchdog = bool(values.boolean(root.get("have-watchdog")))
    return Options(
        is_symmetric=properties.boolean("symmetric-cluster", True),
        has_quorum=bool(values.boolean(root.get("have-quorum"))),
        no_quorum=policy,
        has_panic=bool(values.boolean(root.get("no-quorum-panic"))),
        fencing_enabled=enabled,
        can_fence=has_device or has_watchdog,
        fencing_action="off" if action in ("off", "poweroff") else "reboot",
        concurrent_fencing=properties.boolean("concurrent-fencing", True),
        is_maintenance=properties.boolean("maintenance-mode", False),
        stop_all=properties.boolean("stop-all-resources", False),
        strategy=properties.word("placement-strategy", Strategy.DEFAULT),
        health=_health(source, properties),
        stop_removed_resources=properties.boolean("stop-removed-resources", True),
        cancel_removed_actions=properties.boolean("cancel-removed-actions", True),
        enable_startup_probes=properties.boolean("enable-startup-probes", True),
        shutdown_lock=properties.boolean("shutdown-lock", False),
        shutdown_lock_limit_s=properties.seconds("shutdown-lock-limit"),
    )


def _health(source: Source, properties: Properties) -> Health:
    strategy = properties.text("node-health-strategy", "none").strip().lower()
    if strategy in ("progressive", "custom"):
        red = properties.score("node-health-red", -INFINITY)
        yellow = properties.score("node-health-yellow", 0)
        green = properties.score("node-health-green", 0)
        return health_of(strategy, red, yellow, green, properties.score("node-health-base", 0))
    if strategy not in _HEALTH_FIXED:
        allowed = ", ".join([*_HEALTH_FIXED, "progressive", "custom"])
        source.remark(
            f"option node-health-strategy is {strategy!r}, allowed: {allowed}; it counts as none"
        )
        strategy = "none"
    return health_of(strategy, 0, 0, 0, 0)


def health_of(strategy: str, red: int, yellow: int, green: int, base: int) -> Health:
    """Return what the colours count: with some strategies always the same, whatever is said."""
    if strategy in _HEALTH_FIXED:
        return Health(strategy, *_HEALTH_FIXED[strategy])
    return Health(strategy, red, yellow, green, base if strategy == "progressive" else 0)
