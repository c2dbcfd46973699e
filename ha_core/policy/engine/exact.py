"""An exact search for what the greedy order leaves stopped although there is a place for it.

Owns: the search over choices, how results are compared, and its bound in steps. It places and acts
with the very stages of a plan, some choices given, so that there is one meaning of every
constraint. Pure: the bound is a number of placed primitives, and whoever has a clock may cancel.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ha_core.policy.engine.items import Board, Item, Reason
from ha_core.policy.engine.pinned import LEAVES, Choice, Key, Made, Pinned
from ha_core.policy.engine.plan import Exact, Plan, is_wanting, solve, solve_if
from ha_core.policy.engine.problem import Problem, Role
from ha_core.policy.engine.prospects import Prospect, part_of, parts, prospects

STEPS_MAX: Final = 40_000
"""Primitives placed in all tries together, if somebody asked for the search: a few seconds."""
LOOK_STEPS_MAX: Final = 4_000
"""The same for a look whether there is anything to offer."""
_ITEMS_PER_STEP: Final = 10
"""To take a part out of a question is that much quicker than to place it."""
_PAIRS_PER_STEP: Final = 50
"""To place a primitive takes as long as to weigh so many colocations."""
_BRANCHES_MAX: Final = 200_000
"""So many tries wait at most: more could never be made."""


def _never() -> bool:
    return False


@dataclass(slots=True)
class Box:
    """How much may still be tried. `is_cancelled` is asked before each try."""

    left: int = STEPS_MAX
    is_cancelled: Callable[[], bool] = _never

    def take(self, steps: int) -> bool:
        """Return whether there is room for so many more steps, which are used up then."""
        if self.left < steps or self.is_cancelled():
            return False
        self.left -= steps
        return True


@dataclass(frozen=True, slots=True, order=True)
class Worth:
    """How good a result is; the larger one is the better."""

    bound: int
    """How many are where they count INFINITY by themselves: a move by hand is never undone."""
    runs: tuple[int, ...]
    """How many primitives run, by priority, the highest first."""
    promoted: int = 0
    score: int = 0
    """The sum of what the chosen nodes count, stickiness too."""
    stays: int = 0
    """The number of moves and stops, negated."""


_NOTHING: Final = Worth(-1, ())
_STEADY: Final = "with the exact search nothing moves only to spread"


@dataclass(slots=True, eq=False)
class _Leaf:
    """One complete try."""

    made: list[Made]
    leaves: dict[Key, Choice]
    """Instances that were not let stay."""
    worth: Worth
    start: int
    """From which choice on it has been free."""

    def pins(self, count: int | None = None) -> dict[Key, Choice]:
        """Return its first choices, all without a count."""
        given = {one.key: one.chosen for one in self.made[:count] if one.key[1]}
        return {**self.leaves, **given}


@dataclass(slots=True, eq=False)
class _Search:
    """The search over one part of a question."""

    problem: Problem
    box: Box
    hopes: dict[str, Prospect]
    levels: tuple[int, ...]
    """The priorities there are, the highest first."""
    size: int
    begin: _Leaf
    """What the greedy order gives."""
    best: _Leaf
    is_complete: bool = False
    is_cut: bool = False
    """Tries were left out."""
    branches: deque[tuple[_Leaf, int, Choice]] = field(default_factory=deque)

    def run(self, *, is_first_enough: bool) -> None:
        """Try one choice otherwise, then two, and so on, until all is tried or the box is empty."""
        begin = self.begin
        self._branch(begin)
        while self.branches:
            leaf, position, other = self.branches.popleft()
            if not self._is_hopeful(leaf, position, other):
                continue
            if not self.box.take(self.size):
                return
            tried = self._try(leaf, position, other)
            if tried is None:
                continue
            if tried.worth > self.best.worth:
                self.best = tried
                if is_first_enough and tried.worth.runs > begin.worth.runs:
                    return
            self._branch(tried)
        self.is_complete = not self.is_cut

    def _branch(self, leaf: _Leaf) -> None:
        for position in range(leaf.start, len(leaf.made)):
            for other in leaf.made[position].others:
                if len(self.branches) >= _BRANCHES_MAX:
                    self.is_cut = True
                    return
                self.branches.append((leaf, position, other))

    def _try(self, leaf: _Leaf, position: int, other: Choice) -> _Leaf | None:
        key = leaf.made[position].key
        pins = {**leaf.pins(position), key: other}
        leaves = dict(leaf.leaves)
        start = position + 1
        if not key[1]:
            leaves[key] = LEAVES
            start = position
        return _try(self, pins, leaves, start)

    def _is_hopeful(self, leaf: _Leaf, position: int, other: Choice) -> bool:
        """Whether this branch may hold anything better than the best so far."""
        made = leaf.made[position]
        lost = [one.key[0] for one in leaf.made[:position] if one.chosen is None and one.key[1]]
        if other is None and made.key[1]:
            lost.append(made.key[0])
        counts = _count(self, (hope for name, hope in self.hopes.items() if name not in lost))
        best = self.best.worth
        if counts != best.runs:
            return counts > best.runs
        score = sum(one.score for one in leaf.made[:position])
        settled = {one.key[0] for one in leaf.made[:position]}.union(lost)
        for name, hope in self.hopes.items():
            if hope.most is None:
                return True
            if name not in settled:
                score += hope.most
        return score >= best.score


def _count(search: _Search, hopes: Iterator[Prospect]) -> tuple[int, ...]:
    found = dict.fromkeys(search.levels, 0)
    for hope in hopes:
        found[hope.priority] += 1
    return tuple(found.values())


def _try(
    search: _Search, pins: Mapping[Key, Choice], leaves: dict[Key, Choice], start: int
) -> _Leaf | None:
    """Return what these choices lead to; None: they are not possible."""
    chooser = Pinned(pins)
    plan = solve_if(search.problem, chooser, lambda board: _is_enough(search, board))
    if chooser.is_broken:
        return None
    worth = _NOTHING if plan is None else _worth(search.levels, plan, chooser.made)
    return _Leaf(chooser.made, leaves, worth, start)


def _is_enough(search: _Search, board: Board) -> bool:
    """Whether the placed board may be worth as much as the best: acting is dear."""
    found = dict.fromkeys(search.levels, 0)
    for item in _primitives(board):
        if item.node is not None:
            found[item.meta.priority] += 1
    return tuple(found.values()) >= search.best.worth.runs


def _primitives(board: Board) -> Iterator[Item]:
    for top in board.tops:
        yield from top.primitives()


def _worth(levels: tuple[int, ...], plan: Plan, made: list[Made]) -> Worth:
    found = dict.fromkeys(levels, 0)
    promoted = moves = 0
    for item in _primitives(plan.board):
        roles = plan.outcome.roles.get(item.id, {})
        if item.node in roles:
            found[item.meta.priority] += 1
            promoted += roles[item.node] is Role.PROMOTED
        moves += any(node != item.node for node in item.roles)
    score = sum(one.score for one in made)
    bound = sum(one.is_bound for one in made)
    return Worth(bound, tuple(found.values()), promoted, score, -moves)


def _begin(problem: Problem, box: Box, pins: Mapping[Key, Choice]) -> _Search:
    """Return a search that has tried nothing but what there is already."""
    chooser = Pinned(pins)
    plan, worth = _solved(problem, chooser)
    leaf = _Leaf(chooser.made, {}, worth, 0)
    size = max(1, sum(1 for _ in _primitives(plan.board))) + _pairs(problem)
    return _Search(problem, box, prospects(problem), _levels(plan.board), size, leaf, leaf)


def _solved(problem: Problem, chooser: Pinned) -> tuple[Plan, Worth]:
    plan = solve(problem, chooser)
    return plan, _worth(_levels(plan.board), plan, chooser.made)


def _levels(board: Board) -> tuple[int, ...]:
    return tuple(sorted({item.meta.priority for item in _primitives(board)}, reverse=True))


# --- the whole question --------------------------------------------------------------------------


def plan_exactly(problem: Problem, box: Box | None = None, *, is_look: bool = False) -> Plan:
    """Return the greedy plan, or a better one: more runs, the most important first.

    Args:
        problem: the question.
        box: how much may be tried; None: STEPS_MAX, or LOOK_STEPS_MAX for a look.
        is_look: be content with the first better plan.
    """
    return better_than(solve(problem), box, is_look=is_look)


def offered(greedy: Plan, box: Box | None = None) -> Plan | None:
    """Return a plan in which something runs that this one leaves stopped, if a look finds one."""
    better = better_than(greedy, box, is_look=True)
    return better if better.exact is not None and better.exact.gained else None


def better_than(greedy: Plan, box: Box | None = None, *, is_look: bool = False) -> Plan:
    """Return a better plan than this greedy one, else itself, noting whether all was tried."""
    problem = greedy.board.problem
    box = box or Box(LOOK_STEPS_MAX if is_look else STEPS_MAX)
    wanting = [part for part in parts(problem) if is_wanting(greedy, part)]
    if is_look and (not wanting or not box.take(len(greedy.board.items) + _pairs(problem))):
        return greedy
    begin = _solved(problem, Pinned({}))
    base, worth = begin if is_look else _settled(problem, begin)
    pins = _as_is(base)
    is_complete = True
    for part in wanting:
        if not box.take(1 + len(greedy.board.items) // _ITEMS_PER_STEP):
            is_complete = False
            break
        search = _searched(greedy, base, part, box, is_look=is_look)
        if search is not None:
            is_complete = is_complete and search.is_complete
            pins.update(search.best.pins() if search.best is not search.begin else {})
    chooser = Pinned(pins)
    better, found = _solved(problem, chooser)
    if chooser.is_broken or found <= worth:
        better, found = base, worth
    if found <= begin[1]:
        return replace(greedy, exact=Exact(is_complete=is_complete))
    return replace(better, exact=_told(better, greedy, is_complete=is_complete))


def _pairs(problem: Problem) -> int:
    return len(problem.colocations) // _PAIRS_PER_STEP


def _searched(
    greedy: Plan, base: Plan, part: set[str], box: Box, *, is_look: bool
) -> _Search | None:
    """Return the search over a part once it is over; None: all runs there that could."""
    question = part_of(greedy.board.problem, greedy.board, part)
    search = _begin(question, box, _as_is(greedy))
    if search.best.worth.runs >= _count(search, iter(search.hopes.values())):
        return None
    if base is not greedy:
        search = _begin(question, box, _as_is(base))
    search.run(is_first_enough=is_look)
    return search


def _settled(problem: Problem, greedy: tuple[Plan, Worth]) -> tuple[Plan, Worth]:
    """Return the plan in which nothing moves, or nothing only to spread, if that is as good.

    Otherwise the greedy order would undo what was found as soon as it has been carried out.
    """
    if not greedy[1].stays:
        return greedy
    found = [greedy, _solved(problem, Pinned({}, keeps=True))]
    chooser = Pinned(
        {
            (item.id, True): next(iter(item.roles))
            for item in _primitives(greedy[0].board)
            if item.is_managed and len(item.roles) == 1
        }
    )
    still = _solved(problem, chooser)
    if not chooser.is_broken:
        found.append(still)
    return max(found, key=lambda one: one[1])


def _as_is(plan: Plan) -> dict[Key, Choice]:
    """Return the choices that lead to this plan."""
    return {(item.id, True): item.node for item in _primitives(plan.board)}


def _told(plan: Plan, greedy: Plan, *, is_complete: bool) -> Exact:
    gained: list[str] = []
    lost: list[str] = []
    moved: list[str] = []
    changed: list[tuple[Item, str]] = []
    for item in _primitives(plan.board):
        was = greedy.board.items[item.id].node
        if was == item.node:
            continue
        (gained if was is None else lost if item.node is None else moved).append(item.id)
        effect = "leaves it stopped" if item.node is None else "puts it here"
        changed.append((item, effect))
    for item, effect in changed:
        text = f"the exact search {effect}, so that {gained[0]} can run" if gained else _STEADY
        item.reasons.append(Reason("exact", text, item.node, other=gained[0] if gained else ""))
    return Exact(True, is_complete, tuple(gained), tuple(lost), tuple(moved))
