"""Invariants: small judges that look at the whole cluster from outside.

Owns: safety rules S1, S2, S3 while anything may go wrong; S5 and S6 once the
world is healed. Each says what it saw in one sentence.
"""

from collections.abc import Iterable

from ha_core.ids import NodeName, ResourceId
from ha_core.sim.host import Host


class Violations:
    """What the judges found, in order, without repeats."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, text: str) -> None:
        """Note a violation."""
        if text not in self.found:
            self.found.append(text)


class OneOwner:
    """S1: no service runs on two machines at once."""

    def __init__(self, hosts: Iterable[Host], violations: Violations) -> None:
        self._hosts = tuple(hosts)
        self._violations = violations
        self.begins = 0

    def look(self, now_us: int) -> None:
        """Judge the present moment."""
        owners: dict[ResourceId, list[NodeName]] = {}
        for host in self._hosts:
            for resource in host.running:
                owners.setdefault(resource, []).append(host.name)
        for resource, names in owners.items():
            if len(names) > 1:
                text = f"S1: {resource} runs on {' and '.join(sorted(names))}"
                self._violations.add(f"{text} at {now_us // 1000} ms")


class OneCoordinator:
    """S3: at most one node holds a valid coordinator's lease, at most one ever per term."""

    def __init__(self, hosts: Iterable[Host], violations: Violations) -> None:
        self._hosts = tuple(hosts)
        self._violations = violations
        self._of_term: dict[int, NodeName] = {}

    def look(self, now_us: int) -> None:
        """Judge the present moment."""
        acting = []
        for host in self._hosts:
            if host.node is None or not host.node.is_coordinator:
                continue
            term = host.node.replication.term
            first = self._of_term.setdefault(term, host.name)
            if first != host.name:
                self._violations.add(f"S3: {first} and {host.name} both led term {term}")
            if host.now_ms() < host.node.coordinator_lease_until_ms:
                acting.append(host.name)
        if len(acting) > 1:
            text = f"S3: {' and '.join(sorted(acting))} may both act at {now_us // 1000} ms"
            self._violations.add(text)


class OneHistory:
    """S2: what is committed is the same everywhere and is never lost."""

    def __init__(self, hosts: Iterable[Host], violations: Violations) -> None:
        self._hosts = tuple(hosts)
        self._violations = violations
        self._committed: dict[int, tuple[int, str]] = {}
        self.newest = 0

    def look(self, now_us: int) -> None:
        """Judge the revisions that every replica shows as committed."""
        for host in self._hosts:
            if host.node is None:
                continue
            for change in host.node.replication.revisions[-8:]:
                seen = (change.at_wall_ms, change.author + change.reason + change.request_id)
                known = self._committed.setdefault(change.revision, seen)
                if known != seen:
                    text = f"S2: revision {change.revision} differs on {host.name}"
                    self._violations.add(f"{text} at {now_us // 1000} ms")
                self.newest = max(self.newest, change.revision)

    def at_end(self) -> None:
        """Judge, after healing, that every running node has everything that was committed."""
        for host in self._hosts:
            if host.node is not None and host.node.revision < self.newest:
                text = f"S2: {host.name} has revision {host.node.revision}"
                self._violations.add(f"{text}, but {self.newest} was committed")
