"""Which colocations speak of which item, and in which order they are looked at.

Owns: the index over colocations, the links within groups, and what a member or instance takes
over from the group or clone around it. Source: Pacemaker Explained, "Colocation".
"""

from ha_core.ids import INFINITY
from ha_core.policy.engine.desk import Desk, Link, is_running, next_role
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.problem import Kind, Role

_RANKS = {Kind.CLONE: 0, Kind.GROUP: 1, Kind.PRIMITIVE: 2}


def index(desk: Desk) -> None:
    """Enter every colocation of the problem, and those that groups imply."""
    board = desk.board
    for constraint in board.problem.colocations:
        dependent, primary = board.find(constraint.dependent), board.find(constraint.primary)
        if dependent is None or primary is None or constraint.score == 0:
            continue
        influence = constraint.influence
        link = Link(
            constraint.id,
            dependent,
            primary,
            constraint.score,
            _role(constraint.dependent_role),
            _role(constraint.primary_role),
            constraint.node_attribute,
            dependent.meta.is_critical if influence is None else influence,
        )
        desk.this_with.setdefault(dependent, []).append(link)
        desk.with_this.setdefault(primary, []).append(link)
    for top in board.tops:
        if top.kind is not Kind.PRIMITIVE:
            _chain_members(desk, top)


def _role(role: Role | None) -> Role | None:
    return role if role in (Role.PROMOTED, Role.UNPROMOTED) else None


def _chain_members(desk: Desk, item: Item) -> None:
    """Tie each member of a colocated group to the one before it."""
    if item.kind is Kind.CLONE:
        for instance in item.children:
            if instance.kind is Kind.GROUP:
                _chain_members(desk, instance)
        return
    if not item.resource.is_colocated:
        return
    for before, member in zip(item.children, item.children[1:], strict=False):
        link = Link(
            "",
            member,
            before,
            INFINITY,
            is_influential=member.meta.is_critical,
            is_explicit=False,
        )
        desk.this_with.setdefault(member, []).append(link)
        desk.with_this.setdefault(before, []).append(link)


def has_influence(link: Link) -> bool:
    """Whether the dependent's wishes count for the primary."""
    return link.is_influential or not is_running(link.primary)


def affects_role(dependent: Item, link: Link) -> bool:
    """Whether the link now concerns the promotion of the dependent, which has its node."""
    parent = dependent.parent
    return (
        link.dependent_role is not None
        and parent is not None
        and parent.clone is not None
        and parent.clone.is_promotable
        and dependent.is_assigned
    )


def affects_place(desk: Desk, dependent: Item, primary: Item, link: Link) -> bool:
    """Whether the link places the dependent: only if both will have the roles that it names.

    Pacemaker 2.1.5 keeps apart what is apart in a role unless it is known already to get it.
    """
    is_apart = link.score < 0 and desk.board.problem.options.is_like_2_1_5
    role = link.dependent_role
    if role is not None and (role is dependent.next_role) is is_apart:
        return False
    role = link.primary_role
    return role is None or (role is next_role(primary)) is not is_apart


def followed(desk: Desk, item: Item) -> list[Link]:
    """Return the links in which the item is the dependent, the most urgent first."""
    found = desk.sorted_this.get(item)
    if found is None:
        above = _stands_for(desk, item)
        if above is not None:
            found = followed(desk, above)
        else:
            found = _sorted(desk, _this(desk, item, item), by_primary=True)
        desk.sorted_this[item] = found
    return found


def _stands_for(desk: Desk, item: Item) -> Item | None:
    """Return the clone or group whose links are the item's, in their order, as it has none itself.

    In Pacemaker 2.1.5 of equally urgent ones the first counts first there, else the last.
    """
    above = item.parent
    if above is None or item in desk.this_with or desk.board.problem.options.is_like_2_1_5:
        return None
    is_one = above.kind is Kind.CLONE or (above.children[0] is item and above.resource.is_colocated)
    return above if is_one else None


def following(desk: Desk, item: Item) -> list[Link]:
    """Return the links in which the item is the primary, the most urgent first."""
    found = desk.sorted_with.get(item)
    if found is None:
        found = _sorted(desk, _with(desk, item, item), by_primary=False)
        desk.sorted_with[item] = found
    return found


def placing(desk: Desk, item: Item) -> tuple[list[Link], list[Link]]:
    """Return the links that count when the item gets its node: it as dependent, and as primary.

    In Pacemaker 2.1.5 to an instance of a clone that has one for every node finite links of the
    clone mean nothing as a dependent's, and those of what is to be with the clone nothing at all.
    """
    this, with_this = followed(desk, item), following(desk, item)
    top = item.top
    if top.clone is None or not desk.board.problem.options.is_like_2_1_5:
        return this, with_this
    if top.clone.clone_max < desk.available(top):
        return this, with_this
    this = [link for link in this if link.dependent is not top or not 0 < link.score < INFINITY]
    return this, [link for link in with_this if link.primary is not top or link.score < 0]


def _sorted(desk: Desk, links: list[Link], *, by_primary: bool) -> list[Link]:
    def urgency(link: Link) -> tuple[int, int, bool, str]:
        other = link.primary if by_primary else link.dependent
        is_plain = other.clone is not None and not other.clone.is_promotable
        return -desk.priority(other), _RANKS[other.kind], is_plain, other.id

    return sorted(reversed(links), key=urgency) if len(links) > 1 else links


def _this(desk: Desk, item: Item, asked: Item) -> list[Link]:
    if item.kind is Kind.GROUP:
        return _this_of_group(desk, item, asked)
    found = desk.this_with.get(item, [])
    parent = item.parent
    if parent is not None and parent.clone is not None:
        # They are taken over in the clone's own order: of equals the first counts first here.
        found = found + followed(desk, parent)
    elif parent is not None:
        found = found + _this(desk, parent, asked)
    return found


def _this_of_group(desk: Desk, group: Item, asked: Item) -> list[Link]:
    if not group.children:
        return []
    own = desk.this_with.get(group, [])
    if asked is group or asked is group.children[0]:
        found = own if asked is group else own[::-1]
        if group.parent is not None:
            found = found + _this(desk, group.parent, asked)
        return found
    for member in group.children:
        if member is asked:
            break
        if not member.is_managed:
            return [link for link in own if link.score >= INFINITY]
    return []


def _with(desk: Desk, item: Item, asked: Item) -> list[Link]:
    if item.kind is Kind.GROUP:
        return _with_of_group(desk, item, asked)
    found = desk.with_this.get(item, [])
    if item.parent is not None:
        found = found + _with(desk, item.parent, asked)
    return found


def _with_of_group(desk: Desk, group: Item, asked: Item) -> list[Link]:
    if not group.children or (asked is not group and asked is not group.children[-1]):
        return []
    found = desk.with_this.get(group, [])
    if group.parent is not None:
        found = found + _with(desk, group.parent, asked)
    return found
