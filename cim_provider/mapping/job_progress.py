"""How far a job is: worked out of what was asked and what is.

Owns: for each verb when its effect is seen, and when nothing will bring it about
any more. Pure.
"""

from dataclasses import dataclass
from typing import Final

from cim_provider.engine import NodeView, PrimitiveView
from cim_provider.mapping.job_records import COMPLETED, EXCEPTION, RUNNING, TERMINATED, Job
from cim_provider.mapping.states import outside
from cim_provider.mapping.world import REACHED, World

_SERVICE: Final = ("service-stop", "service-restart")
_CUTS: Final = ("off", "reset")
ON_NODES: Final = ("standby", "online", *_CUTS, "on", "probe", "moveall", *_SERVICE)
ON_TICKETS: Final = ("grant", "revoke", "activate", "ticket-standby")
ON_CLUSTER: Final = ("apply", "undo", "replan")
RESTING: Final = ("started", "stopped", "failed", "blocked")
TOLD_MAX: Final = 3
"""So many actions or resources one sentence names."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: `state` as JobState has it, in percent, and what is, in words."""

    state: int
    percent: int
    text: str


def progress(world: World, job: Job) -> Progress:
    """Return how far a job is, as this view shows it."""
    away = outside(world)
    if away is not None:
        return Progress(RUNNING, 0, away.text)
    if job.verb in ON_NODES:
        return _of_node(world, job)
    if job.verb in (*ON_CLUSTER, *ON_TICKETS):
        return _of_all(world, job)
    return _of_resource(world, job)


def started_ms(world: World, resource: str) -> int:
    """Return when the last of a resource's active primitives was started, as far as is known."""
    return max(
        (
            instance.started_wall_ms
            for member in members(world, resource)
            for instance in member.instances
            if instance.node in member.nodes
        ),
        default=0,
    )


def failures(world: World, resource: str, node: str) -> int:
    """Return how many failures of a resource are counted on a node (empty: everywhere)."""
    return sum(
        instance.fail_count
        for member in members(world, resource)
        for instance in member.instances
        if node in ("", instance.node)
    )


def members(world: World, resource: str) -> tuple[PrimitiveView, ...]:
    """Return the primitives of a primitive, group or clone."""
    clone = world.clones.get(resource)
    if clone is not None:
        return world.copied(clone)
    group = world.groups.get(resource)
    if group is not None:
        return world.members(group)
    return (world.primitives[resource],) if resource in world.primitives else ()


def _target(world: World, resource: str) -> str:
    view = (
        world.clones.get(resource) or world.groups.get(resource) or world.primitives.get(resource)
    )
    return view.target_role if view is not None else ""


def _of_resource(world: World, job: Job) -> Progress:
    found = members(world, job.subject)
    if not found:
        return Progress(TERMINATED, 0, f"{job.subject} is not in the configuration any more")
    done = [_is_done(world, job, each) for each in found]
    if job.verb == "fail" and failures(world, job.subject, job.node) <= job.since:
        done = [False for _ in found]
    percent = 100 * sum(done) // len(done)
    if all(done):
        return Progress(COMPLETED, 100, "completed")
    where = ", ".join(_where(each) for each in found)
    goal = {"stop": "stopped", "start": "started", "restart": "started"}.get(job.verb)
    if goal and _target(world, job.subject) not in ("", goal, *_BOTH.get(goal, ())):
        return Progress(TERMINATED, percent, f"something else was asked for since: {where}")
    is_over = not world.view.pending_actions and all(each.state in RESTING for each in found)
    is_bad = any(each.state in ("failed", "blocked") for each in found)
    if is_over and (is_bad or goal is None):
        text = ", ".join(_where(e) if _is_done(world, job, e) else _reason(e) for e in found)
        return Progress(EXCEPTION, percent, text)
    return Progress(RUNNING, percent, _doing(world, {each.id for each in found}) or where)


_BOTH: Final = {"started": ("promoted", "unpromoted")}


def _is_done(world: World, job: Job, member: PrimitiveView) -> bool:
    """Return whether the job is done with one primitive."""

    def is_there(name: str) -> bool:
        """Who is not there keeps its failures."""
        node = world.nodes.get(name)
        return node is not None and node.state in REACHED

    is_up = member.state == "started"
    match job.verb:
        case "stop":
            return member.state == "stopped"
        case "start":
            return is_up
        case "restart":
            return is_up and any(each.started_wall_ms > job.since for each in member.instances)
        case "move":
            return (
                is_up
                and job.node in member.nodes
                and (bool(member.clone) or len(member.nodes) == 1)
            )
        case "leave":
            return is_up and job.node not in member.nodes
        case "ban":
            return job.node not in member.nodes and member.state in ("started", "stopped")
        case "promote":
            return is_up and (job.node in member.promoted if job.node else bool(member.promoted))
        case "demote":
            return is_up and (job.node not in member.promoted if job.node else not member.promoted)
        case "cleanup":
            here = [e for e in member.instances if job.node in ("", e.node) and is_there(e.node)]
            meant = [e for e in here if job.operation in ("", e.failed_operation)]
            is_clean = not any(each.fail_count for each in meant)
            return is_clean and member.state in ("started", "stopped")
        case _:
            return member.state in ("started", "stopped")


def _of_node(world: World, job: Job) -> Progress:
    node = world.nodes.get(job.subject)
    if node is None:
        return Progress(TERMINATED, 0, f"{job.subject} is no node of the cluster any more")
    running = world.active.get(node.name, ())
    text = ", ".join((f"{node.name} is {node.state}", *(f"runs {each}" for each in running)))
    if job.verb in _CUTS:
        return _cut_off(world, job, node, _doing(world, set(running), node.name) or text)
    state, percent = _node_state(world, job, node, running)
    if state == COMPLETED:
        return Progress(state, 100, "completed")
    return Progress(state, percent, _doing(world, set(running), node.name) or text)


def given_up(world: World, node: str) -> str:
    """Return the id of the newest fencing of a node that was given up, or nothing."""
    found = (each for each in world.view.history.fencing if each.node == node)
    return next((each.id for each in reversed(tuple(found)) if each.state == "failed"), "")


def _cut_off(world: World, job: Job, node: NodeView, text: str) -> Progress:
    """Return how far the end of one start of a node is: proved, under way, or given up."""
    is_back = 0 < job.since < node.generation
    if node.fenced_by or (is_back and job.verb == "reset"):
        return Progress(COMPLETED, 100, "completed")
    if is_back:
        told = f"{node.name} has started again since, so it is not left off: it is {node.state}"
        return Progress(EXCEPTION, 0, told)
    known = [each for each in world.view.history.fencing if each.node == node.name]
    newest = given_up(world, node.name)
    if newest in ("", *job.excused) or any(each.state == "pending" for each in known):
        return Progress(RUNNING, 0, text)
    return Progress(EXCEPTION, 0, next(each.text for each in known if each.id == newest))


def _node_state(
    world: World, job: Job, node: NodeView, running: tuple[str, ...]
) -> tuple[int, int]:
    is_standby, is_resting = node.state == "standby", not world.view.pending_actions
    match job.verb:
        case "on":
            is_back = node.generation > job.since and node.state in REACHED
            return (COMPLETED, 100) if is_back else (RUNNING, 0)
        case "service-stop":
            return (RUNNING, 0) if node.state in REACHED else (COMPLETED, 100)
        case "service-restart":
            is_anew = node.generation > job.since and node.state in REACHED
            return (COMPLETED, 100) if is_anew else (RUNNING, 0)
        case "probe":
            return (COMPLETED, 100) if is_resting else (RUNNING, 0)
        case "moveall":
            return (COMPLETED, 100) if not running else (EXCEPTION if is_resting else RUNNING, 0)
        case "standby" if is_standby:
            return (RUNNING, 50) if running else (COMPLETED, 100)
        case "standby":
            return (TERMINATED, 0) if node.state in REACHED else (RUNNING, 0)
        case _:
            if is_standby:
                return TERMINATED, 0
            return (COMPLETED, 100) if node.state in REACHED else (RUNNING, 0)


def _of_all(world: World, job: Job) -> Progress:
    """Return how far all resources are: what was configured is in force, and is carried out."""
    concerned = [each for each in world.view.primitives if each.id not in job.excused]
    moving = [each for each in concerned if each.state not in RESTING]
    bad = [each for each in concerned if each.state in ("failed", "blocked")]
    total = len(concerned)
    percent = 100 * (total - len(moving) - len(bad)) // total if total else 100
    if moving or world.view.pending_actions:
        text = _doing(world, None) or ", ".join(_where(each) for each in moving[:TOLD_MAX])
        return Progress(RUNNING, min(percent, 99), text or "actions are under way")
    if bad:
        return Progress(EXCEPTION, percent, ", ".join(_reason(each) for each in bad[:TOLD_MAX]))
    return Progress(COMPLETED, 100, "completed")


def _reason(member: PrimitiveView) -> str:
    """Return where a primitive is, and why it is not as it should be."""
    failures = [each.failure for each in member.instances if each.failure]
    why = member.why or next(iter(failures), "")
    return f"{_where(member)}: {why}" if why else _where(member)


def _where(member: PrimitiveView) -> str:
    place = f" on {', '.join(member.nodes)}" if member.nodes else ""
    return f"{member.id} is {member.state}{place}"


def _doing(world: World, subjects: set[str] | None, node: str = "") -> str:
    """Return what is being done about some resources or a node; None: about anything."""
    found = [
        action
        for action in world.view.under_way
        if subjects is None or subjects & set(action.split()) or (node and node in action.split())
    ]
    more = f", and {len(found) - TOLD_MAX} more" if len(found) > TOLD_MAX else ""
    return ", ".join(found[:TOLD_MAX]) + more
