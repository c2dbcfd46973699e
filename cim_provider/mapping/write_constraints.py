"""Who creates, changes and deletes constraints, and the expressions of their rules.

Owns: what their properties mean as edits. A constraint acts at once, and takes the place of one of
its Id, as Linux-HA 2.1 had it. A location constraint that names neither node nor rule is kept as a
draft until its rule comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cim_provider.drafts import Draft
from cim_provider.edits import (
    Change,
    PutConstraint,
    PutExpression,
    RemoveConstraint,
    RemoveExpression,
    Words,
)
from cim_provider.engine import ClusterView
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.drafted import EXPRESSION, named_content
from cim_provider.mapping.rows import Ref, configured_ref
from cim_provider.mapping.settings_constraints import (
    COLOCATION_CLASS,
    DISCOVERIES,
    EXPRESSION_CLASS,
    KINDS,
    LOCATION_CLASS,
    LOSSES,
    ORDER_CLASS,
    TICKET_CONSTRAINT_CLASS,
)
from cim_provider.mapping.world import World
from cim_provider.mapping.write_desk import Desk, content, kept, key, required
from cim_provider.mapping.write_resources import merged
from cim_provider.mapping.write_words import (
    Twin,
    flag,
    numbered,
    same,
    score,
    text,
    word_of,
    words_of,
)
from cim_provider.mapping.writing import Given
from cim_provider.views.settings import OrderView
from cim_provider.wbem.errors import Status

_ROLE: Final = word_of("stopped", "started", "unpromoted", "promoted", "master", "slave")
_ACTION: Final = word_of("start", "stop", "promote", "demote")
_OLD_ROLES: Final = {"master": "promoted", "slave": "unpromoted"}


def _role(value: object) -> str:
    found = _ROLE(value)
    return _OLD_ROLES.get(found, found)


_SCORES: Final = {"Score": score, "ScoreValue": score}
_TWINS: Final = {
    ORDER_CLASS: (
        Twin("order", {"FirstResource": text}),
        Twin("then", {"ThenResource": text}),
        Twin("first_action", {"FirstAction": _ACTION}),
        Twin("then_action", {"ThenAction": _ACTION}),
        Twin("kind", {"Kind": numbered(KINDS)}),
        Twin("symmetrical", {"IsSymmetrical": flag}),
        Twin("any_of", {"AnyOf": text}),
    ),
    COLOCATION_CLASS: (
        Twin("colocation", {"From": text, "Resource": text}),
        Twin("with", {"To": text, "WithResource": text}),
        Twin("score", _SCORES),
        Twin("role", {"ResourceRole": _role}),
        Twin("with_role", {"WithRole": _role}),
        Twin("node_attribute", {"NodeAttribute": text}),
        Twin("influence", {"Influence": flag}),
    ),
    LOCATION_CLASS: (
        Twin("location", {"Resource": text}),
        Twin("node", {"NodeName": text}),
        Twin("score", _SCORES),
        Twin("role", {"ResourceRole": _role}),
        Twin("discovery", {"Discovery": numbered(DISCOVERIES)}),
        Twin("score_attribute", {"ScoreAttribute": text}),
    ),
    TICKET_CONSTRAINT_CLASS: (
        Twin("ticket", {"Ticket": text}),
        Twin("resource", {"Resource": text}),
        Twin("role", {"ResourceRole": _role}),
        Twin("loss", {"LossPolicy": numbered(LOSSES)}),
    ),
}
_KIND: Final = {
    ORDER_CLASS: "order",
    COLOCATION_CLASS: "colocation",
    LOCATION_CLASS: "location",
    TICKET_CONSTRAINT_CLASS: "ticket",
}
_COMPARISON: Final = word_of(
    "lt", "lte", "eq", "ne", "gte", "gt", "defined", "not_defined", "one_of", "none_of"
)
_EXPRESSION: Final = (
    Twin("attribute", {"Attribute": text}),
    Twin("operation", {"Operation": _COMPARISON}),
    Twin("value", {"Value": text}),
    Twin("type", {"ValueType": word_of("string", "integer", "number", "version")}),
)
_ORDER_TYPE: Final = "OrderType"
_DIRECTION: Final = ("From", "OrderType", "To")
_PROPERTY: Final = {"attribute": "Attribute", "operation": "Operation", "value": "Value"}


def directed(given: Given, known: OrderView | None, *, is_before: bool = False) -> Given:
    """Return what is given of an order with From, OrderType and To as first and then.

    What is not given is as in the constraint that is there; `is_before`: as that is shown.
    Raises CIMError: they contradict FirstResource and ThenResource.
    """
    if not set(_DIRECTION) & set(given):
        return given
    shown = {"OrderType": "before"}
    if known is not None and is_before:
        shown = {"From": known.first, "OrderType": "before", "To": known.then}
    elif known is not None:
        shown = {"From": known.then, "OrderType": "after", "To": known.first}
    said = {name: str(given.get(name, shown.get(name)) or "").strip() for name in _DIRECTION}
    order_type = said["OrderType"].lower()
    if order_type not in ("before", "after"):
        text = f"OrderType is {order_type[:60]!r}; allowed: before, after"
        refuse(Status.INVALID_PARAMETER, text)
    ends = (said["From"], said["To"]) if order_type == "before" else (said["To"], said["From"])
    rest = {name: value for name, value in given.items() if name not in _DIRECTION}
    for name, value in zip(("FirstResource", "ThenResource"), ends, strict=True):
        if rest.get(name, value) != value:
            text = f"{name} {rest[name]} contradicts From and To: give one of them"
            refuse(Status.INVALID_PARAMETER, text)
        if value:
            rest[name] = value
    return rest


@dataclass(frozen=True, slots=True)
class ConstraintWriter:
    """Writes constraints of one class."""

    desk: Desk
    class_name: str

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        return configured_ref(self.class_name, required(given, self.class_name, "Id"))

    def replaces(self, ref: Ref, world: World) -> bool:
        """See `Replacing`."""
        return True

    def same(self, name: str, value: object, old: object) -> bool:
        """See `Meaning`."""
        return same(_TWINS[self.class_name], name, value, old)

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        name = key(ref, "Id")
        view = await self.desk.view()
        given = {each: value for each, value in given.items() if value is not None}
        asked = given
        if self.class_name == ORDER_CLASS:
            given = directed(given, None)
        words = words_of(_TWINS[self.class_name], given, is_new=True)
        texts = self._texts(asked)
        _check_origin(given)
        known = view.settings.location.get(name)
        has_rule = self.class_name == LOCATION_CLASS and "node" not in dict(words)
        if has_rule and (known is None or not known.expressions):
            await self._wait_for_rule(name, words, author, is_there=known is not None)
            return
        kind = "rule" if has_rule else _KIND[self.class_name]
        if has_rule:
            words = tuple(("rule", v) if n == "location" else (n, v) for n, v in words)
        what = f"{_KIND[self.class_name]} constraint {name} set over WBEM"
        changes: tuple[Change, ...] = (PutConstraint(name, kind, words),)
        if any(each == name for each in _ids(view)) and not has_rule:
            changes = (RemoveConstraint(name), *changes)
        await self.desk.give(changes, what, author, given)
        await self._forget_draft(name)
        for each, written in texts.items():
            await self.desk.call(name, each, "", written)

    def _texts(self, given: Given) -> dict[str, str]:
        """Return what is to be kept as it was written; empty: nothing of it."""
        if self.class_name == ORDER_CLASS:
            is_before = str(given.get("OrderType") or "").strip().lower() == "before"
            return {"OrderType": "before" if is_before else ""}
        value = given.get("Score")
        text = str(value).strip()
        return {} if value is None else {"Score": "" if score(text) == text else text}

    async def _wait_for_rule(self, name: str, words: Words, author: str, *, is_there: bool) -> None:
        if not dict(words).get("location"):
            refuse(Status.INVALID_PARAMETER, f"{self.class_name}.Resource is missing")
        if is_there:
            text = f"{name} names a node: give NodeName, or delete it first"
            refuse(Status.INVALID_PARAMETER, text)
        await kept(self.desk.store.put(Draft(name, "location", words=words, author=author)))

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        name = key(ref, "Id")
        view = await self.desk.view()
        asked = changes
        if self.class_name == ORDER_CLASS:
            is_before = (_ORDER_TYPE, "") in self.desk.kept.names.get(name, {})
            changes = directed(changes, view.settings.order.get(name), is_before=is_before)
        words = words_of(_TWINS[self.class_name], changes)
        has_text = self.class_name != ORDER_CLASS or _ORDER_TYPE in asked
        texts = self._texts(asked) if has_text else {}
        _check_origin(changes)
        known = view.settings.location.get(name) if self.class_name == LOCATION_CLASS else None
        if self.class_name == LOCATION_CLASS and known is None:
            draft = self.desk.kept.drafts.get(name)
            await self._modify_draft(name, merged(draft.words if draft else (), words), author)
            return
        kind = _KIND[self.class_name]
        if known is not None and known.expressions:
            kind = "rule"
            words = tuple(("rule", v) if n == "location" else (n, v) for n, v in words)
        what = f"{kind} constraint {name} changed over WBEM: {', '.join(sorted(changes))}"
        put = (PutConstraint(name, kind, words),) if words else ()
        await self.desk.give(put, what, author, changes)
        for each, written in texts.items():
            await self.desk.call(name, each, "", written)

    async def _modify_draft(self, name: str, words: Words, author: str) -> None:
        if "node" not in dict(words):
            await kept(self.desk.store.put(Draft(name, "location", words=words, author=author)))
            return
        what = f"location constraint {name} set over WBEM"
        await self.desk.give((PutConstraint(name, "location", words),), what, author)
        await self._forget_draft(name)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        name = key(ref, "Id")
        view = await self.desk.view()
        if name in _ids(view):
            what = f"{_KIND[self.class_name]} constraint {name} deleted over WBEM"
            await self.desk.give((RemoveConstraint(name),), what, author)
            await self.desk.forget_all(name)
        await self._forget_draft(name)

    async def _forget_draft(self, name: str) -> None:
        draft = self.desk.kept.drafts.get(name)
        if draft is not None and draft.kind == "location":
            await kept(self.desk.store.remove(name))


def _check_origin(given: Given) -> None:
    for name in ("Origin", "Expires", "ResourcePattern"):
        if given.get(name) is not None and (name, given[name]) != ("Origin", 2):
            verb = "the methods Move and Ban of the resource make what expires"
            refuse(Status.NOT_SUPPORTED, f"{name} cannot be written: {verb}")


def _ids(view: ClusterView) -> set[str]:
    settings = view.settings
    return {
        *(each.id for each in settings.locations),
        *(each.id for each in settings.colocations),
        *(each.id for each in settings.orders),
        *(each.id for each in settings.ticket_constraints),
    }


@dataclass(frozen=True, slots=True)
class ExpressionWriter:
    """Writes HA_LocationConstraintRule."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        owner = required(given, EXPRESSION_CLASS, "ConstraintId")
        name = str(given.get("Id") or "").strip()
        if not name:
            known = world.view.settings.location.get(owner)
            name = f"{owner}-rule-{len(known.expressions) + 1 if known else 1}"
        return Ref(EXPRESSION_CLASS, (("Id", name), ("ConstraintId", owner)))

    def same(self, name: str, value: object, old: object) -> bool:
        """See `Meaning`."""
        return same(_EXPRESSION, name, value, old)

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        owner, name = key(ref, "ConstraintId"), key(ref, "Id")
        words = words_of(_EXPRESSION, given, is_new=True)
        said = dict(words)
        for word in ("attribute", "operation"):
            if not said.get(word):
                text = f"{EXPRESSION_CLASS}.{_PROPERTY[word]} is missing"
                refuse(Status.INVALID_PARAMETER, text)
        view = await self.desk.view()
        draft = self.desk.kept.drafts.get(owner)
        what = f"rule of constraint {owner} set over WBEM"
        if view.settings.location.get(owner) is not None:
            change: Change = PutExpression(owner, words)
        elif draft is not None and draft.kind == "location":
            own = tuple(("rule", v) if n == "location" else (n, v) for n, v in draft.words)
            plain = tuple(pair for pair in words if pair[0] != "type")
            change = PutConstraint(owner, "rule", (*own, *plain))
        else:
            refuse(Status.NOT_FOUND, f"there is no location constraint {owner}: make it first")
        await self.desk.give((change,), what, author, given)
        if draft is not None and draft.kind == "location":
            await kept(self.desk.store.remove(owner))
        told = content(EXPRESSION, **{_PROPERTY[n]: v for n, v in words if n in _PROPERTY})
        await self.desk.call(owner, EXPRESSION, told, name)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        owner = key(ref, "ConstraintId")
        words = words_of(_EXPRESSION, changes)
        place, old = await self._which(ref)
        what = f"rule of constraint {owner} changed over WBEM: {', '.join(sorted(changes))}"
        put = (PutExpression(owner, words, place, _known(old)),) if words else ()
        await self.desk.give(put, what, author, changes)
        new = {**old, **{_PROPERTY[n]: v for n, v in words if n in _PROPERTY}}
        await self.desk.rename(
            owner, EXPRESSION, content(EXPRESSION, **old), content(EXPRESSION, **new)
        )

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`: a constraint whose rule has no expression left goes with it."""
        owner = key(ref, "ConstraintId")
        place, old = await self._which(ref)
        what = f"an expression of constraint {owner} deleted over WBEM"
        await self.desk.give((RemoveExpression(owner, place, _known(old)),), what, author)
        await self.desk.forget(owner, EXPRESSION, content(EXPRESSION, **old))

    async def _which(self, ref: Ref) -> tuple[int, dict[str, object]]:
        """Return the place of an expression, and what it says. Raises CIMError."""
        owner, name = key(ref, "ConstraintId"), key(ref, "Id")
        known = (await self.desk.view()).settings.location.get(owner)
        told = named_content(self.desk.kept, EXPRESSION, owner, name, "")
        for each in known.expressions if known else ():
            values: dict[str, object] = {
                "Attribute": each.attribute,
                "Operation": each.operation,
                "Value": each.value,
            }
            if (each.id if not told else content(EXPRESSION, **values)) != (told or name):
                continue
            if "-" in each.number or each.kind != "attribute":
                refuse(Status.NOT_SUPPORTED, "dates and nested rules are changed in the file")
            # What is in rules within it stands in the list, too.
            return int(each.number) - 1, values
        refuse(Status.NOT_FOUND, f"constraint {owner} has no expression {name} any more")


def _known(values: Mapping[str, object]) -> Words:
    """Return what a comparison says, in the words of an edit."""
    return tuple((word, str(values[name])) for word, name in _PROPERTY.items())
