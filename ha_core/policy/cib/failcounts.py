"""Fail counts, as transient attributes hold them.

Source: Pacemaker Explained, "Failure Handling"; names of before and after feature set 3.0.13.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.cib import values

_NAME: Final = re.compile(r"(fail-count|last-failure)-(.+)#(.+)_([0-9]+)", re.ASCII)
_OLD_NAME: Final = re.compile(r"(fail-count|last-failure)-(.+)", re.ASCII)
_OLD_BEFORE: Final = (3, 0, 13)


@dataclass(slots=True, eq=False)
class FailCount:
    """The failures of one resource on one node, all operations together."""

    count: int = 0
    last_s: int = 0


def has_old_names(feature_set: str) -> bool:
    """Return whether fail counts are without the operation in their names."""
    parts = tuple(int(part) for part in re.findall(r"[0-9]{1,9}", feature_set)[:3])
    return bool(parts) and parts < _OLD_BEFORE


def read_fail_counts(attributes: Mapping[str, str], *, is_old: bool) -> dict[str, FailCount]:
    """Return one node's fail counts by the name under which they are filed."""
    found: dict[str, FailCount] = {}
    pattern = _OLD_NAME if is_old else _NAME
    for name, value in attributes.items():
        if not name.startswith(("fail-count-", "last-failure-")):
            continue
        match = pattern.fullmatch(name)
        if match is None:
            continue
        entry = found.setdefault(match[2], FailCount())
        if match[1] == "fail-count":
            entry.count = min(INFINITY, entry.count + max(0, values.score(value) or 0))
        else:
            entry.last_s = max(entry.last_s, values.number(value) or 0)
    return found
