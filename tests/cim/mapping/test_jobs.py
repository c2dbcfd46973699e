"""Jobs: what has become of a state change, worked out of what is wanted and what is."""

from dataclasses import replace

import pytest
import pywbem

from cim_provider.engine import ClusterView, EngineState, InstanceView
from cim_provider.mapping.jobs import Job, job_of
from cim_provider.wbem.operations import (
    EnumerateInstanceNames,
    EnumerateInstances,
    GetInstance,
    Instances,
    Paths,
)
from tests.cim.mapping.views import MODEL, WALL_MS, Provider, cluster, node, path, primitive


def read(view: ClusterView, job: str) -> pywbem.CIMInstance:
    answer = Provider(view).ask(
        GetInstance(MODEL, path("HA_ConcreteJob", InstanceID=f"LinuxHA:job:{job}"))
    )
    assert isinstance(answer, Instances)
    return answer.items[0]


def with_db(state: str, target: str, pending: int = 0, nodes: tuple[str, ...] = ()) -> ClusterView:
    db = primitive("db", state=state, target_role=target, nodes=nodes)
    return cluster(primitives=(db,), groups=(), pending_actions=pending)


@pytest.mark.parametrize(
    ("job", "view", "state"),
    [
        ("start:db", with_db("started", "started", nodes=("n2",)), 7),
        ("start:db", with_db("starting", "started", 1), 4),
        ("start:db", with_db("stopped", "started"), 4),
        ("start:db", with_db("failed", "started"), 10),
        ("start:db", with_db("failed", "started", 1), 4),
        ("start:db", with_db("blocked", "started"), 10),
        ("start:db", with_db("stopped", "stopped"), 8),
        ("start:db", with_db("unknown", "started"), 4),
        ("stop:db", with_db("stopped", "stopped"), 7),
        ("stop:db", with_db("stopping", "stopped", 1, ("n2",)), 4),
        ("stop:db", with_db("blocked", "stopped", nodes=("n2",)), 10),
        ("stop:db", with_db("started", "started", nodes=("n2",)), 8),
        ("stop:db", with_db("started", "", nodes=("n2",)), 4),
    ],
)
def test_job_of_a_resource_follows_what_is(job: str, view: ClusterView, state: int) -> None:
    assert read(view, job)["JobState"] == state


@pytest.mark.parametrize(("since", "state"), [(WALL_MS - 1, 7), (WALL_MS, 4), (WALL_MS + 1, 4)])
def test_restart_is_done_once_the_resource_was_started_later(since: int, state: int) -> None:
    assert read(cluster(), f"restart:{since}:db")["JobState"] == state
    assert read(cluster(), f"restart:{since}:web")["JobState"] == state


def test_restart_is_not_done_while_the_old_one_still_runs_or_the_new_one_does_not() -> None:
    later = (InstanceView("n2", "started", started_wall_ms=WALL_MS + 5),)
    starting = primitive("db", "n2", state="starting", instances=later)
    view = cluster(primitives=(starting,), groups=())
    assert read(view, f"restart:{WALL_MS}:db")["JobState"] == 4


@pytest.mark.parametrize(
    ("job", "state", "runs", "expected"),
    [
        ("standby:n2", "standby", False, 7),
        ("standby:n2", "standby", True, 4),
        ("standby:n2", "online", True, 8),
        ("standby:n2", "lost", False, 4),
        ("online:n2", "online", True, 7),
        ("online:n2", "maintenance", True, 7),
        ("online:n2", "standby", False, 8),
        ("online:n2", "left", False, 4),
    ],
)
def test_job_of_a_node_follows_what_is(job: str, state: str, runs: bool, expected: int) -> None:
    view = cluster(primitives=(primitive("db", "n2" if runs else ""),), groups=())
    nodes = tuple(replace(n, state=state) if n.name == "n2" else n for n in view.nodes)
    assert read(replace(view, nodes=nodes), job)["JobState"] == expected


def test_job_of_a_group_tells_how_many_members_are_done() -> None:
    half = cluster(
        primitives=(
            primitive("ip", "n1", group="web", position=1),
            primitive("server", group="web", position=2, state="starting", target_role="started"),
        ),
        pending_actions=1,
    )
    job = read(half, "start:web")
    assert (job["JobState"], job["PercentComplete"]) == (4, 50)
    assert job["JobStatus"] == "ip is started, server is starting"
    assert job["Name"] == "start web"


def test_failed_job_says_what_went_wrong_and_a_finished_one_that_it_is() -> None:
    failed = read(with_db("failed", "started"), "start:db")
    assert failed["OperationalStatus"] == [6, 17]
    assert (failed["ErrorCode"], failed["ErrorDescription"]) == (1, "db is failed")
    done = read(cluster(), "start:db")
    assert done["OperationalStatus"] == [17, 2]
    assert (done["JobStatus"], done["PercentComplete"]) == ("completed", 100)
    assert (done["ErrorCode"], done["ErrorDescription"]) == (0, None)


def test_job_whose_cluster_cannot_be_asked_still_runs() -> None:
    job = read(cluster(engine=EngineState.NOT_ANSWERING), "stop:db")
    assert (job["JobState"], job["OperationalStatus"]) == (4, [13])
    assert job["JobStatus"] == "the cluster service does not answer"


@pytest.mark.parametrize(
    "name",
    [
        *("start:unheard", "standby:n9", "online:n9", "stop:", "start", "", "reboot:db"),
        *("restart:db", "restart::db", "restart:-1:db", "restart:1:", "restart:x:db"),
        "restart:1:unheard",
        "restart:" + "9" * 400 + ":db",
    ],
)
def test_name_of_no_job_is_not_found(name: str) -> None:
    asked = GetInstance(MODEL, path("HA_ConcreteJob", InstanceID=f"LinuxHA:job:{name}"))
    assert Provider().refused(asked) == 6
    other = GetInstance(MODEL, path("HA_ConcreteJob", InstanceID=f"Other:job:{name}"))
    assert Provider().refused(other) == 6


@pytest.mark.parametrize(
    "job",
    [
        Job("start", "a:b:c"),
        Job("restart", "a:b", 5),
        Job("standby", "n1"),
        Job("stop", "x"),
        Job("off", "n1"),
        Job("reset", "n1", 3),
    ],
)
def test_name_of_a_job_is_read_back(job: Job) -> None:
    assert job_of(job.id) == job


def test_enumeration_shows_what_is_under_way() -> None:
    def under_way(view: ClusterView) -> list[str]:
        provider = Provider(view)
        answer = provider.ask(EnumerateInstanceNames(MODEL, "CIM_ConcreteJob"))
        assert isinstance(answer, Paths)
        full = provider.ask(EnumerateInstances(MODEL, "CIM_ConcreteJob"))
        assert isinstance(full, Instances)
        assert [each.path for each in full.items] == list(answer.items)
        return [str(each.keybindings["InstanceID"]) for each in answer.items]

    assert under_way(cluster()) == []
    assert under_way(with_db("starting", "started")) == ["LinuxHA:job:start:db"]
    assert under_way(with_db("stopping", "stopped", 1, ("n2",))) == ["LinuxHA:job:stop:db"]
    assert under_way(with_db("failed", "started")) == []
    view = cluster()
    draining = replace(
        view, nodes=(view.nodes[0], replace(view.nodes[1], state="standby"), *view.nodes[2:])
    )
    assert under_way(draining) == ["LinuxHA:job:standby:n2"]
    assert under_way(replace(draining, engine=EngineState.STOPPED)) == []


@pytest.mark.parametrize(
    ("job", "changes", "expected"),
    [
        ("off:n2", {}, 4),
        ("off:n2", {"state": "lost", "fenced_by": "switch"}, 7),
        ("reset:3:n2", {}, 4),
        ("reset:3:n2", {"state": "lost", "fenced_by": "switch"}, 7),
        ("reset:3:n2", {"generation": 4}, 7),
    ],
)
def test_job_of_cutting_a_node_off_follows_what_is(
    job: str, changes: dict[str, object], expected: int
) -> None:
    nodes = (node("n1"), node("n2", **changes))
    assert read(cluster(nodes=nodes), job)["JobState"] == expected
