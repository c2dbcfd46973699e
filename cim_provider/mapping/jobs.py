"""HA_ConcreteJob: state changes that were accepted and are not seen to be done.

Owns: the names of jobs and what has become of them. Nothing is kept: the name
says what was asked of what, and the rest is worked out of what is wanted and
what is. So every node tells the same of a job, a restart of this server
included, and a finished job can be read for as long as its subject is there.
Enumerations show those that are under way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.engine import GroupView, NodeView, PrimitiveView
from cim_provider.mapping.rows import ClassRow, Column, Ref, class_row, constant, unfilled
from cim_provider.mapping.states import STATE_COLUMNS, State, outside, plain
from cim_provider.mapping.world import REACHED, World

JOB_CLASS: Final = "HA_ConcreteJob"
RUNNING, COMPLETED, TERMINATED, EXCEPTION = 4, 7, 8, 10
"""Values of JobState."""
_PREFIX: Final = ("LinuxHA", "job")
_SINCE: Final = ("restart", "reset")
_ON_RESOURCES: Final = ("start", "stop", "restart")
_STATES: Final = {RUNNING: ((2,), 5), COMPLETED: ((17, 2), 5), TERMINATED: ((14,), 5)}


@dataclass(frozen=True, slots=True)
class Job:
    """What was asked: a verb and its subject.

    A restart also says since when the resource had run, a reset which start of the node it ends.
    """

    verb: str
    subject: str
    since: int = 0
    node: str = ""
    """Where a resource goes, or may not be."""

    @property
    def id(self) -> str:
        """Return the name of the job; a subject may hold a colon, so it comes last."""
        since = (str(self.since),) if self.verb in _SINCE else ()
        return ":".join((*_PREFIX, self.verb, *since, self.subject))


@dataclass(frozen=True, slots=True)
class _Progress:
    job: Job
    job_state: int
    text: str
    percent: int
    state: State


def job_ref(job: Job) -> Ref:
    """Return the name of a job's object."""
    return Ref(JOB_CLASS, (("InstanceID", job.id),))


def job_of(text: str) -> Job | None:
    """Return the job that an InstanceID names; None if it names none."""
    *prefix, verb, rest = text.split(":", 3) if text.count(":") >= 3 else ("", "", "", "")
    if tuple(prefix) != _PREFIX or not rest:
        return None
    if verb in _SINCE:
        since, _, subject = rest.partition(":")
        is_time = since.isascii() and since.isdigit() and len(since) <= 15
        return Job(verb, subject, int(since)) if is_time and subject else None
    return Job(verb, rest) if verb in ("start", "stop", "standby", "online", "off") else None


def started_ms(world: World, resource: str) -> int:
    """Return when the last of a resource's active primitives was started, as far as is known."""
    return max(
        (
            instance.started_wall_ms
            for member in _members(world, resource)
            for instance in member.instances
            if instance.node in member.nodes
        ),
        default=0,
    )


def _members(world: World, resource: str) -> tuple[PrimitiveView, ...]:
    group = world.groups.get(resource)
    if group is not None:
        return world.members(group)
    return (world.primitives[resource],) if resource in world.primitives else ()


def _target(world: World, resource: str) -> str:
    owner = world.groups.get(resource) or world.primitives[resource]
    return owner.target_role


def _progress(world: World, job: Job) -> _Progress | None:
    """Return what has become of a job; None if its subject is not there."""
    if job.verb in _ON_RESOURCES:
        members = _members(world, job.subject)
        if not members:
            return None
        job_state, percent = _of_resource(world, job, members)
        where = [f"{each.id} is {each.state}" for each in members]
    else:
        node = world.nodes.get(job.subject)
        if node is None:
            return None
        job_state, percent = _of_node(world, job, node)
        running = world.active.get(node.name, ())
        where = [f"{node.name} is {node.state}", *(f"runs {each}" for each in running)]
    text = "completed" if job_state == COMPLETED else ", ".join(where)
    away = outside(world)
    if away is not None:
        return _Progress(job, RUNNING, away.text, 0, away)
    operational, health = _STATES.get(job_state, ((6, 17), 20))
    return _Progress(job, job_state, text, percent, State(operational, health, 0, text))


def _of_resource(world: World, job: Job, members: tuple[PrimitiveView, ...]) -> tuple[int, int]:
    """Return JobState and how much is done, in percent."""
    goal = "stopped" if job.verb == "stop" else "started"
    done = [each.state == goal for each in members]
    if job.verb == "restart":
        done = [
            is_up and any(i.started_wall_ms > job.since for i in each.instances)
            for is_up, each in zip(done, members, strict=True)
        ]
    if all(done):
        return COMPLETED, 100
    percent = 100 * sum(done) // len(done)
    if _target(world, job.subject) not in ("", goal):
        return TERMINATED, percent
    is_resting = not world.view.pending_actions and any(
        each.state in ("failed", "blocked") for each in members
    )
    return (EXCEPTION if is_resting else RUNNING), percent


def _of_node(world: World, job: Job, node: NodeView) -> tuple[int, int]:
    """Return JobState and how much is done, in percent."""
    if job.verb in ("off", "reset"):
        is_over = bool(node.fenced_by) or (job.verb == "reset" and node.generation > job.since)
        return (COMPLETED, 100) if is_over else (RUNNING, 0)
    is_standby = node.state == "standby"
    if job.verb == "standby":
        if is_standby:
            return (RUNNING, 50) if world.active.get(node.name) else (COMPLETED, 100)
        return (TERMINATED, 0) if node.state in REACHED else (RUNNING, 0)
    if is_standby:
        return TERMINATED, 0
    return (COMPLETED, 100) if node.state in REACHED else (RUNNING, 0)


def _under_way(world: World) -> Iterator[_Progress]:
    """Yield the jobs that something is being done for now."""
    if not world.running:
        return
    owners: list[PrimitiveView | GroupView] = [*world.view.groups]
    owners += (each for each in world.view.primitives if not each.group)
    for owner in owners:
        wanted = {"started": "start", "stopped": "stop"}.get(owner.target_role)
        moving = {each.state for each in _members(world, owner.id)} & {"starting", "stopping"}
        if wanted is not None and moving:
            found = _progress(world, Job(wanted, owner.id))
            assert found is not None, "its members are there"
            yield found
    for node in world.view.nodes:
        if node.state == "standby" and world.active.get(node.name):
            found = _progress(world, Job("standby", node.name))
            assert found is not None, "the node is there"
            yield found


def _found(world: World, identity: tuple[str, ...]) -> _Progress | None:
    job = job_of(identity[0])
    return None if job is None else _progress(world, job)


_COLUMNS: Final[tuple[Column[_Progress], ...]] = (
    *STATE_COLUMNS,
    Column("Name", "verb and subject", lambda p: f"{p.job.verb} {p.job.subject}"),
    Column("ElementName", "verb and subject", lambda p: f"{p.job.verb} {p.job.subject}"),
    Column("Caption", "Job. and its name", lambda p: f"Job.{p.job.verb}.{p.job.subject}"),
    constant("Description", "A state change that was accepted"),
    Column("Subject", "resource or node that changes", lambda p: p.job.subject),
    Column("JobState", "what is wanted beside what is", lambda p: p.job_state),
    Column("JobStatus", "what is, in words", lambda p: plain(p.text)),
    Column("PercentComplete", "members that are done", lambda p: p.percent),
    Column("ErrorCode", "1 in JobState 10, else 0", lambda p: int(p.job_state == EXCEPTION)),
    Column(
        "ErrorDescription",
        "JobStatus in JobState 10",
        lambda p: plain(p.text) if p.job_state == EXCEPTION else None,
    ),
    constant("DeleteOnCompletion", False),
    constant("TimeBeforeRemoval", "00000000000500.000000:000"),
    *unfilled(
        *("ElapsedTime", "InstallDate", "Owner", "StartTime"),
        *("TimeOfLastStateChange", "TimeSubmitted"),
    ),
)

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        JOB_CLASS, ("InstanceID",), _under_way, lambda p: job_ref(p.job), _COLUMNS, find=_found
    ),
)
"""The class of this module."""
