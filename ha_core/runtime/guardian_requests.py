"""What the daemon asks of its guardian to begin, and what that answers.

Owns: these values, and how each is sent. Protocol: docs/agents.md, "The guardian".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ha_core.ids import Millis


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to supervise; `uid` None keeps the user, `not_after_ms` is as in RunOperation."""

    resource: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    directory: str = "/"
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()
    not_after_ms: Millis | None = None

    def request(self) -> dict[str, object]:
        """Return what the guardian is sent."""
        return {
            "do": "start",
            "resource": self.resource,
            "argv": self.argv,
            "env": dict(self.environment),
            "log": str(self.log),
            "directory": self.directory,
            "uid": self.uid,
            "gid": self.gid,
            "groups": self.groups,
            "not_after": self.not_after_ms,
        }


@dataclass(frozen=True, slots=True)
class Claim:
    """An address to hold: by a machine-wide name, or by netlink requests that add and remove it."""

    resource: str
    name: str = ""
    add: bytes = b""
    remove: bytes = b""
    spare_s: int = 0
    """The kernel removes it by itself so long after the lease (0: never); `add` leaves room."""
    not_after_ms: Millis | None = None

    def request(self) -> dict[str, object]:
        """Return what the guardian is sent."""
        return {
            "do": "claim",
            "resource": self.resource,
            "name": self.name,
            "add": self.add.hex(),
            "remove": self.remove.hex(),
            "spare": self.spare_s,
            "not_after": self.not_after_ms,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the guardian says to a request; `fault` is empty on success."""

    fault: str = ""
    held: bool = False
    was_killed: bool = False
    pid: int = 0
