"""Rounds of notifications: who hears of a change, when, and what waits for it."""

from ha_core.config.choices import Role
from ha_core.config.model import AgentClass, AgentRef, Clone, Configuration, Node, Primitive
from ha_core.config.units import units
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import Action, ActionKey, ActionKind, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus
from ha_core.transition.executor import Executor
from ha_core.transition.notices import Notices

DB, WEB = ResourceId("db"), ResourceId("web")
NAMES = tuple(NodeName(name) for name in ("n1", "n2", "n3"))
WHOLE = Configuration(
    nodes=tuple(Node(name, ()) for name in NAMES),
    primitives=tuple(Primitive(name, AgentRef(AgentClass.OCF, "x", "y")) for name in (DB, WEB)),
    clones=(Clone(ResourceId("dbs"), DB, promotable=True, notify=True),),
)
PARTS = {item.id: item for item in units(WHOLE)}


class Bench:
    """A small cluster whose nodes do at once what they are told."""

    def __init__(self, **roles: Role | None) -> None:
        """Begin with these instances active in these roles, and the others stopped."""
        self.states: dict[str, Instance] = {
            name: Instance(DB, InstanceState.STARTED, role=roles[name])
            if name in roles
            else Instance(DB, InstanceState.STOPPED)
            for name in NAMES
        }
        self.executor, self.notices = Executor(1), Notices()
        self.lost: set[str] = set()

    def status(self) -> ClusterStatus:
        return ClusterStatus(
            tuple(
                NodeStatus(
                    NodeName(name),
                    NodeState.LOST if name in self.lost else NodeState.ONLINE,
                    1,
                    (item,),
                )
                for name, item in self.states.items()
            ),
            True,
        )

    def plan(self, *actions: Action) -> list[str]:
        """Return the orders that are given for this plan."""
        status = self.status()
        steered = self.notices.steer(Transition(actions), status, PARTS, self.executor.is_open)
        orders = self.executor.next_orders(steered, status, {}, 0, {DB}, promotable={DB: 1})
        self.notices.ordered(ActionKey(o.resource, o.kind, o.node) for o in orders)
        self.told = {o.node: dict(o.notice) for o in orders if o.notice}
        return [f"{o.kind} {o.node}" for o in orders]

    def answer(self, *nodes: str, **states: Role | None) -> None:
        """Let these nodes answer what they were told; `states`: which are active after it."""
        for key in list(self.executor.open):
            if not nodes or key[1] in nodes:
                del self.executor.open[key]
        for name, role in states.items():
            self.states[name] = Instance(DB, InstanceState.STARTED, role=role)


def action(kind: ActionKind, node: str, *after: ActionKey) -> Action:
    return Action(ActionKey(DB, kind, NodeName(node)), after, "because")


START, PROMOTE = ActionKind.START, ActionKind.PROMOTE


def test_active_instances_hear_of_a_start_before_and_after_it() -> None:
    bench = Bench(n1=Role.UNPROMOTED)
    start = action(START, "n2")
    assert bench.plan(start) == ["notify n1"]
    assert (bench.told["n1"]["type"], bench.told["n1"]["operation"]) == ("pre", "start")
    assert bench.told["n1"]["start_uname"] == "n2"
    assert bench.plan(start) == []
    bench.answer()
    assert bench.plan(start) == ["start n2"]
    assert bench.plan(start) == []
    bench.answer(n2=Role.UNPROMOTED)
    assert bench.plan() == ["notify n1", "notify n2"]
    assert bench.told["n2"]["type"] == "post"
    assert bench.told["n2"]["start_uname"] == "n2"
    bench.answer()
    assert bench.plan() == []


def test_first_start_is_announced_to_nobody_and_confirmed_to_itself() -> None:
    bench = Bench()
    assert bench.plan(action(START, "n1")) == ["start n1"]
    bench.answer(n1=Role.UNPROMOTED)
    assert bench.plan() == ["notify n1"]


def test_next_task_waits_until_the_round_before_it_is_over() -> None:
    bench = Bench(n1=Role.UNPROMOTED)
    start, promote = action(START, "n2"), action(PROMOTE, "n1")
    bench.plan(start, promote)
    bench.answer()
    assert bench.plan(start, promote) == ["start n2"]
    bench.answer(n2=Role.UNPROMOTED)
    assert bench.plan(promote) == ["notify n1", "notify n2"]
    assert {words["operation"] for words in bench.told.values()} == {"start"}
    bench.answer()
    assert bench.plan(promote) == ["notify n1", "notify n2"]
    assert {(words["type"], words["operation"]) for words in bench.told.values()} == {
        ("pre", "promote")
    }
    bench.answer()
    assert bench.plan(promote) == ["promote n1"]


def test_round_whose_task_has_failed_makes_way_for_what_must_come_before_it() -> None:
    bench = Bench(n1=Role.UNPROMOTED, n2=Role.UNPROMOTED)
    bench.plan(action(PROMOTE, "n1"))
    bench.answer()
    assert bench.plan(action(PROMOTE, "n1")) == ["promote n1"]
    bench.answer(n1=Role.PROMOTED)
    demote = action(ActionKind.DEMOTE, "n1")
    again = (demote, action(PROMOTE, "n2", demote.key))
    assert bench.plan(*again) == ["notify n1", "notify n2"]
    assert {words["type"] for words in bench.told.values()} == {"post"}
    bench.answer()
    assert bench.plan(*again) == ["notify n1", "notify n2"]
    assert {words["operation"] for words in bench.told.values()} == {"demote"}
    bench.answer()
    assert bench.plan(*again) == ["demote n1"]


def test_who_does_not_answer_holds_up_the_round_until_its_node_is_lost() -> None:
    bench = Bench(n1=Role.UNPROMOTED, n3=Role.UNPROMOTED)
    start = action(START, "n2")
    assert bench.plan(start) == ["notify n1", "notify n3"]
    bench.answer("n1")
    assert bench.plan(start) == []
    bench.lost.add("n3")
    bench.executor.void(NodeName("n3"))
    assert bench.plan(start) == ["start n2"]


def test_agents_are_told_who_is_in_which_role() -> None:
    bench = Bench(n1=Role.PROMOTED, n2=Role.UNPROMOTED)
    bench.plan(action(START, "n3"))
    told = bench.told["n1"]
    assert (told["promoted_uname"], told["master_uname"]) == ("n1", "n1")
    assert (told["unpromoted_uname"], told["slave_uname"]) == ("n2", "n2")
    assert (told["inactive_uname"], told["available_uname"]) == ("n3", "n1 n2 n3")


def test_what_is_in_no_notifying_clone_is_left_alone() -> None:
    bench = Bench(n1=Role.UNPROMOTED)
    other = Action(ActionKey(WEB, START, NodeName("n2")), (), "because")
    steered = bench.notices.steer(
        Transition((other, action(START, "n2"))), bench.status(), PARTS, bench.executor.is_open
    )
    kinds = [(a.key.resource, a.key.kind) for a in steered.actions]
    assert kinds == [(DB, ActionKind.NOTIFY), (WEB, START)]


def test_notifications_of_the_plan_itself_give_way_to_the_rounds() -> None:
    bench = Bench(n1=Role.UNPROMOTED)
    note = ActionKey(DB, ActionKind.NOTIFY, NodeName("n1"), "pre-start")
    plan = (Action(note, (), "because"), action(START, "n2", note))
    assert bench.plan(*plan) == ["notify n1"]
    bench.answer()
    assert bench.plan(*plan) == ["start n2"]
