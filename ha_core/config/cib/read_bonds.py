"""Constraints between resources of a CIB as ours: colocations, orderings, tickets; sets as pairs.

Owns: what each becomes. Sets are expanded as the engine does it for CIBs, so that both decide the
same. Source: Pacemaker Explained, "Resource Constraints", "Resource Sets".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

from ha_core.config import limits
from ha_core.config.cib.form import Plain, constraint_name
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.read_targets import Targets
from ha_core.config.cib.scores import no_score, read_score
from ha_core.config.faults import shown
from ha_core.config.kinds import show_score
from ha_core.config.model import LossPolicy, OrderedAction, OrderKind
from ha_core.config.words import usual_loss
from ha_core.policy.cib import sets, values
from ha_core.policy.cib.sets import ResourceSet
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import (
    Colocation,
    Ordering,
    OrderKind as EngineKind,
    Role,
    Task,
)

_OF_SETS: Final = ("role", "action", "require-all", "ordering", "sequential", "score", "kind")
_ROLES: Final = "allowed: Stopped, Started, Unpromoted, Promoted"
_ACTIONS: Final = {task.value: task for task in (Task.START, Task.STOP, Task.PROMOTE, Task.DEMOTE)}
_PAIRS_MAX: Final = limits.CONSTRAINTS_MAX
_INSTANCES: Final = ("rsc-instance", "with-rsc-instance", "first-instance", "then-instance")


class OddError(Exception):
    """A constraint that has no counterpart; the text says why."""


@dataclass(slots=True)
class Bonds:
    """Reads constraints between resources, and tickets."""

    source: Source
    ledger: Ledger
    targets: Targets
    add: Callable[[Element, Plain], None]

    def read(self, element: Element) -> str:
        """Add what one element says; return why it says nothing here, or nothing."""
        if any(name in element.attributes for name in _INSTANCES):
            return "not supported: a constraint with one instance"
        readers = {
            "rsc_colocation": self._colocations,
            "rsc_order": self._orderings,
            "rsc_ticket": self._tickets,
        }
        try:
            found = []
            for part in readers[element.tag](element):
                found.append(part)
                if len(found) > _PAIRS_MAX:
                    return f"it makes more than {_PAIRS_MAX} pairs"
        except OddError as fault:
            return str(fault)
        for part in found:
            self.add(element, part)
        return "" if found else "it binds no two resources"

    # --- together, apart

    def _colocations(self, element: Element) -> Iterator[Plain]:
        score = read_score(self.source, self.ledger, element, "0")
        influence = values.boolean(self.ledger.take(element, "influence"))
        if score is None:
            raise OddError(no_score(element))
        groups = list(self._sets(element))
        before: ResourceSet | None = None
        for group in groups:
            weight = score if group.score is None else group.score
            yield from map(_colocation, sets.colocations_within("", group, weight, influence))
            if before is not None:
                pairs = sets.colocations_between("", before, group, score, influence)
                yield from map(_colocation, pairs)
            before = group
        if groups:
            return
        own, other = (self._role(element, name) for name in ("rsc-role", "with-rsc-role"))
        more: Plain = {} if influence is None else {"influence": influence}
        attribute = self.ledger.take(element, "node-attribute", "#uname")
        ends = [element.get(key) for key in ("rsc", "with-rsc")]
        if attribute != "#uname" and all(self.targets.is_resource(end) for end in ends):
            more["node_attribute"] = attribute
        elif attribute != "#uname":
            text = f"{element.id}: node-attribute={shown(attribute)}: Pacemaker heeds it for no set"
            self.ledger.note(element, f"{text}, and a tag is one")
        for dependent, primary in self._ends(element, "rsc", "with-rsc"):
            yield _colocation(Colocation("", dependent, primary, score, own, other)) | more

    # --- order

    def _orderings(self, element: Element) -> Iterator[Plain]:
        kind = self.ledger.take(element, "kind").lower()
        score = values.score(self.ledger.take(element, "score", "INFINITY"))
        if not kind:
            kind = "optional" if score == 0 else "mandatory"
        if kind not in tuple(OrderKind):
            allowed = ", ".join(EngineKind)
            raise OddError(f"its kind is {shown(element.get('kind'))}; allowed: {allowed}")
        is_symmetrical = values.boolean(self.ledger.take(element, "symmetrical", "true"))
        options: Plain = {} if kind == OrderKind.MANDATORY else {"kind": kind}
        options |= {"symmetrical": False} if is_symmetrical is False else {}
        groups = list(self._sets(element))
        if groups:
            yield from self._ordered_sets(element, groups, kind, options)
            return
        first = self._action(element, "first-action", Task.START)
        then = self._action(element, "then-action", first)
        options |= _actions(first, then)
        needs_all = values.boolean(self.ledger.take(element, "require-all", "true"))
        if needs_all is False:
            options["any_of"] = constraint_name(element.id)
        for one, other in self._ends(element, "first", "then"):
            yield {"order": one, "then": other} | options

    @staticmethod
    def _ordered_sets(
        element: Element, groups: list[ResourceSet], kind: str, options: Plain
    ) -> Iterator[Plain]:
        """Yield a chain, if it says the same; else a pair for each step."""
        usual = EngineKind(kind.capitalize())
        is_serialized = EngineKind.SERIALIZE in (usual, *(group.kind for group in groups))
        is_plain = not is_serialized and all(
            group.task is Task.START and group.require_all and group.kind is None
            for group in groups
        )
        for group in groups if len(groups) > 1 else ():
            is_plain = is_plain and (not group.is_sequential or _stands_for_itself(group))
        if is_plain:
            levels: list[list[str]] = []
            for group in groups:
                each = [[name] for name in group.members]
                levels += each if group.is_sequential else [list(group.members)]
            if len(levels) > 1:
                yield {"order": levels} | options
            return
        before: ResourceSet | None = None
        for group in groups:
            for pair in sets.orderings_within(element.id, group, usual, True):
                yield _ordering(pair, options)
            if before is not None:
                for pair in sets.orderings_between(element.id, before, group, usual, True):
                    yield _ordering(pair, options)
            before = group

    def _action(self, element: Element, name: str, usual: Task) -> Task:
        text = self.ledger.take(element, name)
        found = _ACTIONS.get(text.strip().lower(), usual if not text else None)
        if found is None:
            raise OddError(f"its {name} is {shown(text)}; allowed: {', '.join(_ACTIONS)}")
        return found

    # --- tickets

    def _tickets(self, element: Element) -> Iterator[Plain]:
        ticket = self.ledger.take(element, "ticket")
        if not ticket:
            raise OddError("it names no ticket")
        loss = self.ledger.take(element, "loss-policy").strip().lower()
        if loss and loss not in tuple(LossPolicy):
            raise OddError(f"its loss-policy is {shown(loss)}; allowed: {', '.join(LossPolicy)}")
        groups = list(self._sets(element))
        if groups:
            found = [(name, group.role) for group in groups for name in group.members]
        else:
            role = self._role(element, "rsc-role")
            names = self._names(self.ledger.take(element, "rsc"))[0]
            found = [(name, role) for name in names]
        for name, role in found:
            more = _role("role", role)
            usual = LossPolicy.DEMOTE if role is Role.PROMOTED else usual_loss(None)
            yield {"ticket": ticket, "resource": name} | more | {"loss": loss or str(usual)}

    # --- what they have in common

    def _names(self, *keys: str) -> list[list[str]]:
        found, why = self.targets.resources(*keys)
        if why:
            raise OddError(why)
        return found

    def _ends(self, element: Element, *keys: str) -> list[tuple[str, str]]:
        missing = next((key for key in keys if not element.get(key)), None)
        if missing is not None:
            raise OddError(f"it has no {missing!r}")
        ones, others = self._names(*(self.ledger.take(element, key) for key in keys))
        different = ((one, other) for one, other in product(ones, others) if one != other)
        found = list(islice(different, _PAIRS_MAX + 1))
        if not found:
            # Our own rules say it better.
            return [(ones[0], others[0])]
        return found

    def _role(self, element: Element, name: str) -> Role | None:
        text = self.ledger.take(element, name)
        role = values.role(text) if text else None
        if text and role is None:
            raise OddError(f"its {name} is {shown(text)}; {_ROLES}")
        return None if role is Role.STARTED else role

    def _sets(self, element: Element) -> Iterator[ResourceSet]:
        for child in element.all("resource_set"):
            members = self.source.referred(child)
            if members is None:
                raise OddError("one of its sets is not there")
            names: list[str] = []
            if not members.all("resource_ref"):
                raise OddError(f"its set {shown(members.id)} names no resource")
            for item in members.all("resource_ref"):
                names += self._names(item.id)[0]
            role = self._role(members, "role")
            task = self._action(members, "action", Task.START)
            kind = members.get("kind").strip().lower()
            if kind and kind not in tuple(OrderKind):
                raise OddError(f"the kind of a set is {shown(kind)}; {', '.join(EngineKind)}")
            self.ledger.see(child, *members.all("resource_ref"))
            self.ledger.know(members, *_OF_SETS)
            yield ResourceSet(
                members.id,
                tuple(dict.fromkeys(names)),
                values.boolean(members.get("sequential", "true")) is not False,
                values.boolean(members.get("require-all", "true")) is not False,
                role,
                task,
                self._weight(members),
                members.get("ordering") == "listed",
                EngineKind(kind.capitalize()) if kind else None,
                values.boolean(members.get("sequential")) is True,
            )

    def _weight(self, members: Element) -> int | None:
        """Return the score of a set's own; None if it has none."""
        if "score" not in members.attributes:
            return None
        found = read_score(self.source, self.ledger, members, "")
        if found is None:
            self.ledger.note(members, f"{members.id}: {no_score(members)}; it counts as 0")
        return found or 0


def _stands_for_itself(group: ResourceSet) -> bool:
    """Return whether towards other sets no more of a sequence counts than its end."""
    return group.says_sequential or len(group.members) < 2


def _colocation(item: Colocation) -> Plain:
    found: Plain = {"colocation": item.dependent, "with": item.primary}
    found["score"] = show_score(item.score)
    found |= _role("role", item.dependent_role) | _role("with_role", item.primary_role)
    return found if item.influence is None else {**found, "influence": item.influence}


def _ordering(item: Ordering, options: Plain) -> Plain:
    found: Plain = {"order": item.first, "then": item.then} | options
    if item.kind is not EngineKind.MANDATORY or "kind" in options:
        found["kind"] = item.kind.lower()
    if item.any_of:
        found["any_of"] = constraint_name(item.any_of)
    return found | _actions(item.first_task, item.then_task)


def _actions(first: Task, then: Task) -> Plain:
    found = {"first_action": first.value, "then_action": then.value}
    return {key: word for key, word in found.items() if word != OrderedAction.START}


def _role(key: str, role: Role | None) -> Plain:
    return {} if role is None else {key: role.name.lower()}
