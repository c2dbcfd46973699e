"""Constraints: locations, colocations, orderings, tickets; sets and rules expanded.

Source: Pacemaker Explained, "Resource Constraints".
"""

from dataclasses import dataclass, field
from typing import Final

from ha_core.policy.cib import values
from ha_core.policy.cib.sets import (
    ResourceSet,
    colocations_between,
    colocations_within,
    orderings_between,
    orderings_within,
    read_set,
)
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.targets import Targets
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import (
    Colocation,
    LossPolicy,
    Ordering,
    OrderKind,
    Role,
    Task,
    TicketConstraint,
)

TASKS: Final = {task.value: task for task in (Task.START, Task.STOP, Task.PROMOTE, Task.DEMOTE)}
_KINDS: Final = {kind.value.lower(): kind for kind in OrderKind}


@dataclass(slots=True, eq=False)
class Constraints:
    """All constraints but locations."""

    source: Source
    targets: Targets
    has_fencing: bool
    colocations: list[Colocation] = field(default_factory=list)
    orderings: list[Ordering] = field(default_factory=list)
    tickets: list[TicketConstraint] = field(default_factory=list)

    def read(self, element: Element) -> None:
        """Add what one element says."""
        if element.tag == "rsc_colocation":
            self._colocation(element)
        elif element.tag == "rsc_order":
            self._ordering(element)
        elif element.tag == "rsc_ticket":
            self._ticket(element)

    def _sets(self, element: Element) -> list[ResourceSet]:
        return [read_set(self.source, self.targets, child) for child in element.all("resource_set")]

    # --- colocations

    def _colocation(self, element: Element) -> None:
        score = self._score(element, element.get("score", "0"))
        influence = values.boolean(element.get("influence"))
        attribute = element.get("node-attribute", "#uname")
        sets = self._sets(element)
        if sets:
            self._colocated_sets(element.id, sets, score, influence)
            return
        if score == 0:
            return
        if "rsc-instance" in element.attributes or "with-rsc-instance" in element.attributes:
            self.source.leave_out(element, "not supported: a constraint with one instance")
            return
        roles = self._roles(element, "rsc-role", "with-rsc-role")
        if roles is None:
            return
        dependents = self.targets.named(element, element.get("rsc"))
        primaries = self.targets.named(element, element.get("with-rsc"))
        for dependent in dependents:
            for primary in primaries:
                if dependent == primary:
                    self.source.leave_out(element, f"{dependent!r} with itself")
                    continue
                self.colocations.append(
                    Colocation(element.id, dependent, primary, score, *roles, attribute, influence)
                )

    def _colocated_sets(
        self, name: str, sets: list[ResourceSet], score: int, influence: bool | None
    ) -> None:
        before: ResourceSet | None = None
        for current in sets:
            own = score if current.score is None else current.score
            self.colocations += colocations_within(name, current, own, influence)
            if before is not None:
                self.colocations += colocations_between(name, before, current, score, influence)
            before = current

    # --- orderings

    def _ordering(self, element: Element) -> None:
        kind = self._kind(element)
        if kind is None:
            return
        symmetrical = values.boolean(element.get("symmetrical", "true")) is not False
        symmetrical = symmetrical and kind is not OrderKind.SERIALIZE
        sets = self._sets(element)
        if sets:
            before: ResourceSet | None = None
            for current in sets:
                self.orderings += orderings_within(element.id, current, kind, symmetrical)
                if before is not None:
                    self.orderings += orderings_between(
                        element.id, before, current, kind, symmetrical
                    )
                before = current
            return
        if "first-instance" in element.attributes or "then-instance" in element.attributes:
            self.source.leave_out(element, "not supported: a constraint with one instance")
            return
        first_task = self._task(element, "first-action", Task.START)
        then_task = self._task(element, "then-action", first_task) if first_task else None
        if first_task is None or then_task is None:
            return
        any_of = "" if values.boolean(element.get("require-all", "true")) is not False else "one"
        for first in self.targets.named(element, element.get("first")):
            for then in self.targets.named(element, element.get("then")):
                if first == then:
                    self.source.leave_out(element, f"{first!r} after itself")
                    continue
                self.orderings.append(
                    Ordering(
                        element.id,
                        first,
                        then,
                        first_task,
                        then_task,
                        kind,
                        symmetrical,
                        f"{element.id}/{first}" if any_of else "",
                    )
                )

    def _kind(self, element: Element) -> OrderKind | None:
        text = element.attributes.get("kind")
        if text is None:
            score = element.attributes.get("score")
            is_optional = score is not None and values.score(score) == 0
            return OrderKind.OPTIONAL if is_optional else OrderKind.MANDATORY
        found = _KINDS.get(text.strip().lower())
        if found is None:
            allowed = ", ".join(OrderKind)
            self.source.leave_out(element, f"kind is {text!r}, allowed: {allowed}")
        return found

    def _task(self, element: Element, name: str, default: Task) -> Task | None:
        text = element.attributes.get(name)
        if text is None:
            return default
        found = TASKS.get(text.strip().lower())
        if found is None:
            self.source.leave_out(element, f"{name} is {text!r}, allowed: {', '.join(TASKS)}")
        return found

    # --- tickets

    def _ticket(self, element: Element) -> None:
        ticket = element.get("ticket")
        if not ticket:
            self.source.leave_out(element, "it names no ticket")
            return
        roles = self._roles(element, "rsc-role", "rsc-role")
        if roles is None:
            return
        wanted: list[tuple[str, Role | None]]
        sets = self._sets(element)
        if sets:
            wanted = [(name, item.role) for item in sets for name in item.members]
        else:
            wanted = [(name, roles[0]) for name in self.targets.named(element, element.get("rsc"))]
        for resource, role in wanted:
            role = None if role in (Role.STARTED, None) else role
            policy = self._loss_policy(element, role)
            self.tickets.append(TicketConstraint(element.id, resource, ticket, role, policy))

    def _loss_policy(self, element: Element, role: Role | None) -> LossPolicy:
        default = LossPolicy.DEMOTE if role is Role.PROMOTED else LossPolicy.STOP
        text = element.attributes.get("loss-policy")
        if text is None:
            return default
        allowed = {policy.value: policy for policy in LossPolicy}
        found = allowed.get(text.strip().lower())
        if found is None:
            self.source.leave_out(
                element,
                f"loss-policy is {text!r}, allowed: {', '.join(allowed)}; it counts as {default}",
            )
            return default
        if found is LossPolicy.FENCE and not self.has_fencing:
            return LossPolicy.STOP
        return found

    # --- shared

    def _score(self, element: Element, text: str) -> int:
        found = self.source.score(text)
        if found is None:
            self.source.leave_out(element, f"score is {text!r}, which is no score")
            return 0
        return found

    def _roles(
        self, element: Element, first: str, second: str
    ) -> tuple[Role | None, Role | None] | None:
        found: list[Role | None] = []
        for name in (first, second):
            text = element.attributes.get(name)
            role = values.role(text) if text is not None else None
            if text is not None and role is None:
                allowed = "Started, Unpromoted, Promoted"
                self.source.leave_out(element, f"{name} is {text!r}, allowed: {allowed}")
                return None
            found.append(None if role is Role.STARTED else role)
        return found[0], found[1]
