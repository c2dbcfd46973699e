"""How far a job is, by what it changes: goals that are reached, missed or overtaken."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from dataclasses import replace

import pytest

from cim_provider.engine import ClusterView, InstanceView
from cim_provider.mapping.job_progress import given_up, progress
from cim_provider.mapping.job_records import (
    COMPLETED,
    EXCEPTION,
    RUNNING,
    TERMINATED,
    Job,
)
from cim_provider.mapping.world import World
from cim_provider.views.history import FencingView
from tests.cim.mapping.databases import with_db
from tests.cim.mapping.views import (
    IDENTITY,
    WALL_MS,
    cluster,
    node_path,
    primitive,
)


def state_of(view: ClusterView, job: Job) -> int:
    return progress(World(view, IDENTITY), job).state


@pytest.mark.parametrize(
    ("verb", "view", "state"),
    [
        ("start", with_db("started", "started", nodes=("n2",)), COMPLETED),
        ("start", with_db("starting", "started", 1), RUNNING),
        ("start", with_db("failed", "started"), EXCEPTION),
        ("start", with_db("failed", "started", 1), RUNNING),
        ("start", with_db("blocked", "started"), EXCEPTION),
        ("start", with_db("stopped", "stopped"), TERMINATED),
        ("start", with_db("unknown", "started"), RUNNING),
        ("stop", with_db("stopped", "stopped"), COMPLETED),
        ("stop", with_db("stopping", "stopped", 1, ("n2",)), RUNNING),
        ("stop", with_db("blocked", "stopped", nodes=("n2",)), EXCEPTION),
        ("stop", with_db("started", "started", nodes=("n2",)), TERMINATED),
        ("stop", with_db("started", "", nodes=("n2",)), RUNNING),
        ("cleanup", with_db("started", "", nodes=("n2",)), COMPLETED),
        ("clear", with_db("starting", "", 1), RUNNING),
        ("unban", with_db("moving", "", 1, ("n2",)), RUNNING),
        ("unban", with_db("started", "", nodes=("n1",)), COMPLETED),
        ("apply", with_db("starting", "", 1), RUNNING),
        ("replan", with_db("starting", "", 1), RUNNING),
        ("apply", with_db("failed", ""), EXCEPTION),
        ("undo", with_db("started", "", nodes=("n2",)), COMPLETED),
        ("grant", with_db("started", "", nodes=("n2",)), COMPLETED),
    ],
)
def test_job_follows_what_is(verb: str, view: ClusterView, state: int) -> None:
    assert state_of(view, Job(verb, "db")) == state


@pytest.mark.parametrize(
    ("job", "nodes", "state"),
    [
        (Job("move", "db", node="n1"), ("n1",), COMPLETED),
        (Job("move", "db", node="n1"), ("n1", "n2"), EXCEPTION),
        (Job("move", "db", node="n1"), ("n2",), EXCEPTION),
        (Job("leave", "db", node="n2"), ("n1",), COMPLETED),
        (Job("leave", "db", node="n2"), ("n2",), EXCEPTION),
        (Job("ban", "db", node="n2"), ("n1",), COMPLETED),
        (Job("ban", "db", node="n2"), ("n2",), EXCEPTION),
        (Job("promote", "db"), ("n2",), EXCEPTION),
        (Job("demote", "db"), ("n2",), COMPLETED),
    ],
)
def test_job_of_a_move_follows_where_the_resource_is(
    job: Job, nodes: tuple[str, ...], state: int
) -> None:
    assert state_of(with_db("started", "", nodes=nodes), job) == state
    assert state_of(with_db("starting", "", 1, nodes=nodes), job) in (RUNNING, COMPLETED)


@pytest.mark.parametrize(("since", "state"), [(WALL_MS - 1, 7), (WALL_MS, 4), (WALL_MS + 1, 4)])
def test_restart_is_done_once_the_resource_was_started_later(since: int, state: int) -> None:
    assert state_of(cluster(), Job("restart", "db", since)) == state
    assert state_of(cluster(), Job("restart", "web", since)) == state


@pytest.mark.parametrize(
    ("verb", "state", "runs", "expected"),
    [
        ("standby", "standby", False, COMPLETED),
        ("standby", "standby", True, RUNNING),
        ("standby", "online", True, TERMINATED),
        ("standby", "lost", False, RUNNING),
        ("online", "online", True, COMPLETED),
        ("online", "standby", False, TERMINATED),
        ("online", "left", False, RUNNING),
        ("moveall", "online", False, COMPLETED),
        ("moveall", "online", True, EXCEPTION),
        ("probe", "online", True, COMPLETED),
        ("off", "online", True, RUNNING),
        ("service-stop", "online", True, RUNNING),
        ("service-stop", "left", False, COMPLETED),
        ("service-restart", "left", False, RUNNING),
        ("service-restart", "online", False, COMPLETED),
    ],
)
def test_job_of_a_node_follows_what_is(verb: str, state: str, runs: bool, expected: int) -> None:
    view = cluster(primitives=(primitive("db", "n2" if runs else ""),), groups=())
    nodes = tuple(replace(n, state=state) if n.name == "n2" else n for n in view.nodes)
    assert state_of(replace(view, nodes=nodes), Job(verb, "n2")) == expected


def test_node_that_was_cut_off_or_is_back_ends_its_reset() -> None:
    view = cluster()
    back = tuple(replace(n, generation=5) for n in view.nodes)
    off = tuple(replace(n, fenced_by="switch") for n in view.nodes)
    assert state_of(replace(view, nodes=back), Job("reset", "n2", 4)) == COMPLETED
    assert state_of(replace(view, nodes=back), Job("off", "n2")) == RUNNING
    assert state_of(replace(view, nodes=off), Job("off", "n2")) == COMPLETED


def with_fencing(*fencing: FencingView, generation: int = 4) -> ClusterView:
    view = cluster()
    nodes = tuple(replace(n, generation=generation) if n.name == "n2" else n for n in view.nodes)
    return replace(view, nodes=nodes, history=replace(view.history, fencing=fencing))


@pytest.mark.parametrize("verb", ["off", "reset"])
def test_fencing_that_is_given_up_ends_its_job_and_says_why(verb: str) -> None:
    old = FencingView("3", "n2", "failed", "off", text="n2 could not be cut off (then)")
    other = FencingView("8", "n1", "failed", "off", text="n1 could not be cut off")
    new = FencingView("9", "n2", "failed", "off", text="n2 could not be cut off (no route)")
    under_way = FencingView("n2-4", "n2", "pending", "off")
    job = Job(verb, "n2", 4, excused=("3",))
    assert state_of(with_fencing(old, other), job) == RUNNING
    assert state_of(with_fencing(under_way, old, new), job) == RUNNING
    found = progress(World(with_fencing(old, other, new), IDENTITY), job)
    assert (found.state, found.text) == (EXCEPTION, new.text)
    assert given_up(World(with_fencing(old, new, other), IDENTITY), "n2") == "9"


def test_node_that_was_to_be_left_off_and_has_started_again_ends_the_job() -> None:
    found = progress(World(with_fencing(generation=5), IDENTITY), Job("off", "n2", 4))
    assert found.state == EXCEPTION
    assert found.text == "n2 has started again since, so it is not left off: it is online"


def test_progress_tells_what_is_done_now_and_how_much_is() -> None:
    half = cluster(
        primitives=(
            primitive("ip", "n1", group="web", position=1),
            primitive("server", group="web", position=2, state="starting", target_role="started"),
        ),
        pending_actions=2,
        under_way=("start server on n1", "stop other on n2"),
    )
    found = progress(World(half, IDENTITY), Job("start", "web"))
    assert (found.state, found.percent, found.text) == (RUNNING, 50, "start server on n1")


def test_cleanup_of_one_operation_does_not_wait_for_failures_of_another() -> None:
    db = with_db("started", "", nodes=("n2",)).primitives[0]
    failed = InstanceView("n2", "started", 1, "it broke", failed_operation="monitor")
    view = cluster(primitives=(replace(db, instances=(failed,)),), groups=(), pending_actions=1)
    assert state_of(view, Job("cleanup", "db", operation="stop")) == COMPLETED
    assert state_of(view, Job("cleanup", "db", operation="monitor")) == RUNNING
    assert state_of(view, Job("cleanup", "db")) == RUNNING
    nodes = tuple(replace(e, state="lost") if e.name == "n2" else e for e in view.nodes)
    assert state_of(replace(view, nodes=nodes), Job("cleanup", "db")) == COMPLETED


def test_job_of_what_is_gone_is_over() -> None:
    assert state_of(cluster(), Job("start", "unheard")) == TERMINATED
    assert state_of(cluster(), Job("standby", "n9")) == TERMINATED


def test_what_had_failed_before_is_no_fault_of_a_change_of_all() -> None:
    world = World(with_db("failed", ""), IDENTITY)
    assert progress(world, Job("apply", "x", excused=("db",))).state == COMPLETED
    found = progress(world, Job("apply", "x"))
    assert (found.state, found.percent, found.text) == (
        EXCEPTION,
        0,
        "db is failed: it is not wanted",
    )


def test_restart_of_what_was_started_again_elsewhere_is_done() -> None:
    later = (InstanceView("n2", "started", started_wall_ms=WALL_MS + 5),)
    up = primitive("db", "n2", instances=later)
    view = cluster(primitives=(up,), groups=())
    assert state_of(view, Job("restart", "db", WALL_MS)) == COMPLETED
    assert node_path("n2")["Name"] == "n2"
