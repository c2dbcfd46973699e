"""Instances of clones: made, numbered, and bound to what nodes report.

Owns: which instance an observation of an anonymous clone belongs to.
Source: Pacemaker Explained, "Clone Resources".
"""

from collections.abc import Iterable

from ha_core.policy.engine.items import Board, Item, is_unique
from ha_core.policy.engine.problem import Kind, Observed, Options, Requires, Resource


def make_item(board: Board, resource: Resource) -> Item:
    """Return a new top-level item with all that is in it."""
    item = Item(resource.id, resource.kind, resource, resource.meta, clone=resource.clone)
    board.items[item.id] = item
    if resource.clone is None:
        for member in resource.members:
            _adopt(item, make_item(board, member))
        return item
    # One instance even where none is wanted: what is active must belong to something.
    for _ in range(max(1, resource.clone.clone_max)):
        add_instance(board, item)
    return item


def add_instance(board: Board, clone: Item) -> Item:
    """Return one more instance of the clone; beyond its size it is surplus."""
    assert clone.clone is not None
    number = len(clone.children)
    instance = _numbered(board, clone.resource.members[0], number)
    is_surplus = number >= clone.clone.clone_max
    instance.is_surplus = is_surplus
    for child in instance.children:
        child.is_surplus = is_surplus
    _adopt(clone, instance)
    return instance


def set_managed(item: Item, options: Options) -> None:
    """Note whether the item, and what is in it, is managed as far as the configuration says."""
    meta = item.meta
    item.is_managed = meta.is_managed and not meta.is_maintenance and not options.is_maintenance
    for child in item.children:
        set_managed(child, options)


def _numbered(board: Board, resource: Resource, number: int) -> Item:
    item = Item(f"{resource.id}:{number}", resource.kind, resource, resource.meta, number=number)
    board.items[item.id] = item
    for member in resource.members:
        _adopt(item, _numbered(board, member, number))
    return item


def _adopt(parent: Item, child: Item) -> None:
    child.parent = parent
    parent.children.append(child)


class Binder:
    """Finds the item that an observation belongs to."""

    def __init__(self, board: Board) -> None:
        """Begin with nothing bound."""
        self._board = board
        self._clones: dict[str, Item] = {}
        """The clone of each cloned primitive."""
        self._bound: dict[tuple[str, int], Item] = {}
        """The instance of an anonymous clone that is active on a node."""
        self._free: dict[str, int] = {}
        """The lowest number of each clone that may still be inactive."""
        self._reserved: dict[str, int] = {}
        """Where an inactive instance has an operation under way."""
        turns = {node.name: turn for turn, node in enumerate(board.problem.nodes)}
        self._turns = [turns[spot.node.name] for spot in board.nodes]
        """For each node, when its history is read."""
        for top in board.tops:
            if top.kind is Kind.CLONE:
                for primitive in top.resource.primitives():
                    self._clones[primitive.id] = top

    def find(self, observed: Observed, node: int) -> Item | None:
        """Return the primitive item, made if need be; None: no item stands for it."""
        name = observed.resource
        item = self._board.items.get(name)
        if item is not None and item.kind is not Kind.PRIMITIVE:
            return None
        base = name
        if base not in self._clones:
            base = name.rpartition(":")[0]
        clone = self._clones.get(base)
        if clone is None:
            return item
        assert clone.clone is not None
        if clone.clone.is_unique:
            return item
        return self._anonymous(clone, base, observed, node)

    def know(self, name: str, nodes: list[int]) -> None:
        """Note that a primitive's state is known on these nodes: it is stopped there."""
        base = name if name in self._clones else name.rpartition(":")[0]
        clone = self._clones.get(base)
        item = self._board.items.get(name)
        if not nodes:
            return
        if clone is not None and clone.clone is not None and not clone.clone.is_unique:
            for node in nodes:
                note_known(_inside(self._first_idle(clone, node), base), [node])
            return
        if item is not None and item.kind is Kind.PRIMITIVE:
            note_known(item, nodes)

    def _first_idle(self, clone: Item, node: int) -> Item:
        """Return the instance that an entry of one that is stopped on the node speaks of.

        The lowest one that no entry before has made active. An instance of which nothing is known
        anywhere is promoted by scores for nodes that nobody has looked at, one that is known not.
        """
        bound = self._bound.get((clone.id, node))
        if bound is not None:
            return bound
        turn = self._turns[node]
        for child in clone.children:
            active = [one for item in child.primitives() for one in item.roles]
            if all(self._turns[one] > turn for one in active):
                return child
        return clone.children[-1]

    def clone_of(self, name: str) -> Item | None:
        """Return the clone that a primitive's plain name is in."""
        return self._clones.get(name)

    def _anonymous(self, clone: Item, base: str, observed: Observed, node: int) -> Item | None:
        is_active = bool(observed.role)
        bound = self._bound.get((clone.id, node))
        if bound is not None:
            found = _inside(bound, base)
            if not found.roles:
                return found
            return self._surplus(clone, base, node) if is_active else None
        free = self._inactive(clone, node)
        if free is None or (is_active and self._is_wasted(free, base, node)):
            return self._surplus(clone, base, node) if is_active else None
        if is_active:
            self._bound[(clone.id, node)] = free
        elif observed.pending is not None:
            self._reserved.setdefault(free.id, node)
        return _inside(free, base)

    def _inactive(self, clone: Item, node: int) -> Item | None:
        start = self._free.get(clone.id, 0)
        children = clone.children
        while start < len(children) and _is_taken(children[start]):
            start += 1
        self._free[clone.id] = start
        for child in children[start:]:
            if _is_taken(child) or any(one.is_blocked for one in child.primitives()):
                continue
            if self._reserved.get(child.id, node) == node:
                return child
        return None

    def _is_wasted(self, instance: Item, base: str, node: int) -> bool:
        """Return whether a node that is out must not use up an instance's number."""
        primitive = _inside(instance, base)
        if primitive.meta.requires in (Requires.FENCING, Requires.UNFENCING):
            return False
        spot = self._board.nodes[node]
        if spot.is_online and not spot.is_unclean:
            return False
        clone = instance.top.clone
        assert clone is not None
        return clone.clone_max * clone.clone_node_max < len(self._board.nodes)

    def _surplus(self, clone: Item, base: str, node: int) -> Item:
        instance = add_instance(self._board, clone)
        set_managed(instance, self._board.problem.options)
        self._bound.setdefault((clone.id, node), instance)
        return _inside(instance, base)


def note_known(item: Item, nodes: Iterable[int]) -> None:
    """Note where a primitive's state is known, of an anonymous instance for the whole clone."""
    is_shared = item.number is not None and not is_unique(item)
    above: Item | None = item
    while above is not None:
        above.known.update(nodes)
        above = above.parent if is_shared else None


def _is_taken(instance: Item) -> bool:
    return any(primitive.roles for primitive in instance.primitives())


def _inside(instance: Item, base: str) -> Item:
    if instance.kind is Kind.PRIMITIVE:
        return instance
    return next(child for child in instance.children if child.resource.id == base)
