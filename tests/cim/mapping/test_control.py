"""The verbs on objects and of the control service: what each asks of the cluster, in whose name."""

from dataclasses import replace

import pytest
import pywbem

from cim_provider import commands
from cim_provider.commands import Control, Question
from cim_provider.edits import SetOption
from cim_provider.engine import (
    Command,
    Done,
    EngineState,
    InstanceView,
    NodeView,
    Outcome,
    Pending,
    Refused,
    RestartResource,
    SetNodeMaintenance,
    SetNodeStandby,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.control_service import TEXT_CHARS_MAX
from cim_provider.mapping.job_progress import progress
from cim_provider.mapping.job_records import COMPLETED, Job
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.verbs import PATIENCE_S
from cim_provider.mapping.world import World
from cim_provider.views.redundancy import MayRun, Redundancy
from cim_provider.wbem.operations import EnumerateInstances, Instances, InvokeMethod, MethodResult
from tests.cim.mapping.views import (
    IDENTITY,
    MODEL,
    Provider,
    cloned,
    cluster,
    cluster_path,
    node_path,
    path,
    resource_path,
    schema,
)

GROUP = resource_path("web", "HA_ResourceGroup")
DB = resource_path("db")
SERVICE = path(
    "HA_ClusterControlService",
    SystemCreationClassName="HA_Cluster",
    SystemName="LinuxHACluster",
    CreationClassName="HA_ClusterControlService",
    Name="default_service_id",
)
Given = dict[str, object]


def call(
    provider: Provider, target: pywbem.CIMInstanceName, method: str, given: Given | None = None
) -> tuple[int, Given]:
    """Return the code and the output parameters."""
    asked = InvokeMethod(MODEL, target, method, tuple((given or {}).items()))
    answer = provider.ask(asked)
    assert isinstance(answer, MethodResult)
    assert isinstance(answer.value, pywbem.Uint32)
    return int(answer.value), {name: value for name, _, value in answer.outputs}


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.mark.parametrize(
    ("target", "method", "given", "expected"),
    [
        (DB, "Start", {"Reason": "r"}, StartResource("db", "r")),
        (GROUP, "Stop", {}, StopResource("web")),
        (DB, "Restart", {}, RestartResource("db")),
        (DB, "Move", {"TargetNode": "n1", "Lifetime": "60"}, ("Move", "db", "n1", 60_000)),
        (GROUP, "Move", {}, commands.MoveResource("web")),
        (GROUP, "Move", {"AllowLiveMigration": "true"}, commands.MoveResource("web")),
        (
            *(GROUP, "Move", {"AllowLiveMigration": "false"}),
            commands.MoveResource("web", is_live=False),
        ),
        (DB, "ClearMove", {}, commands.ClearResource("db")),
        (DB, "Ban", {"NodeName": "n2", "Reason": "r"}, ("Ban", "db", "n2", 0)),
        (DB, "Unban", {"NodeName": "n2"}, commands.UnbanResource("db", "n2")),
        (DB, "Cleanup", {}, commands.CleanupResource("db")),
        (DB, "Cleanup", {"Operation": "stop"}, commands.CleanupResource("db", "", "stop")),
        (DB, "Refresh", {"NodeName": "n2"}, commands.CleanupResource("db", "n2")),
        (DB, "Manage", {}, SetResourceManaged("db", True)),
        (DB, "Unmanage", {}, SetResourceManaged("db", False)),
        (node_path("n1"), "SetStandby", {"Enable": "true"}, SetNodeStandby("n1", True)),
        (node_path("n1"), "SetStandby", {"Enable": "false"}, SetNodeStandby("n1", False)),
        (
            node_path("n1"),
            "SetStandby",
            {"Enable": "true", "Lifetime": "60"},
            SetNodeStandby("n1", True, 60_000),
        ),
        (DB, "Fail", {"Reason": "r"}, commands.FailResource("db", "", "r")),
        (DB, "Fail", {"NodeName": "n2"}, commands.FailResource("db", "n2")),
        (node_path("n1"), "SetMaintenance", {"Enable": "true"}, SetNodeMaintenance("n1", True)),
        (cluster_path(), "SetMaintenance", {"Enable": True}, commands.SetClusterMaintenance(True)),
        (cluster_path(), "RestartTransition", {}, commands.PlanAnew()),
        (SERVICE, "Apply", {"Text": "x", "Base": "7"}, commands.ApplyConfiguration("x", "", 7)),
        (SERVICE, "UndoRevision", {"Revision": "3"}, commands.UndoRevision(3)),
        (SERVICE, "UndoRevision", {"Revision": pywbem.Uint32(3)}, commands.UndoRevision(3)),
        (SERVICE, "UndoRevision", {}, commands.UndoRevision()),
        (SERVICE, "Invite", {}, commands.Invite(60)),
        (SERVICE, "Invite", {"NodeName": "n4"}, commands.Invite(60, "n4")),
        (SERVICE, "TestFencing", {"Subject": "n2"}, commands.RehearseFencing("n2")),
        (SERVICE, "ReleaseQuorum", {"Reason": "off"}, commands.ReleaseQuorum("off")),
    ],
)
def test_verb_becomes_a_command_in_the_name_of_the_user(
    provider: Provider,
    target: pywbem.CIMInstanceName,
    method: str,
    given: Given,
    expected: Command | tuple[str, str, str, int],
) -> None:
    if isinstance(expected, tuple):
        kind = {"Move": commands.MoveResource, "Ban": commands.BanResource}[expected[0]]
        expected = kind(*expected[1:], str(given.get("Reason", "")))
    if isinstance(expected, commands.ApplyConfiguration):
        expected = replace(expected, base=provider.engine.now.revision)
        given = {**given, "Base": str(provider.engine.now.revision)}
    code, outputs = call(provider, target, method, given)
    assert (code, outputs.get("Job")) == (0, None), outputs
    ((command, author),) = provider.engine.given
    assert (command, author) == (expected, "ann")
    numbers = [getattr(command, name, 0) for name in ("lifetime_ms", "base", "revision", "minutes")]
    assert {type(each) for each in numbers} <= {int, type(None)}, "no kind of number of CIM's own"


@pytest.mark.parametrize(
    ("target", "method", "given", "code", "words"),
    [
        (DB, "Move", {"TargetNode": "n9"}, 32772, "n9"),
        (DB, "Move", {"TargetNode": "n1", "Lifetime": "1000000000"}, 5, "Lifetime"),
        (DB, "Ban", {}, 5, "NodeName is not given"),
        (DB, "Promote", {}, 1, "no roles"),
        (node_path("n1"), "SetStandby", {}, 5, "Enable"),
        (node_path("w"), "SetStandby", {"Enable": True}, 1, "witness"),
        (node_path("w"), "Probe", {}, 1, "witness"),
        (node_path("n1"), "Fence", {}, 1, "no fence device"),
        (node_path("n2"), "Fence", {"Action": "melt"}, 5, "melt"),
        (node_path("n2"), "Fence", {"Action": "on"}, 4097, "n2 is online: only a node that is off"),
        (node_path("n1"), "SetStandby", {"Enable": True, "Lifetime": "0"}, 5, "Lifetime is 0 s"),
        (node_path("n1"), "SetStandby", {"Enable": False, "Lifetime": "9"}, 5, "with true alone"),
        (DB, "Fail", {"NodeName": "n9"}, 32772, "n9"),
        (DB, "Fail", {"NodeName": "n1"}, 4097, "db does not run on n1, so it cannot fail"),
        (node_path("n2"), "ConfirmDown", {"Reason": " "}, 5, "Reason"),
        (SERVICE, "Apply", {"Text": ""}, 5, "Text"),
        (SERVICE, "Verify", {"Text": "x" * (TEXT_CHARS_MAX + 1)}, 5, "at most 1000000"),
        (SERVICE, "Preview", {"Text": "x" * (TEXT_CHARS_MAX + 1)}, 5, "at most 1000000"),
        (SERVICE, "Invite", {"Minutes": "100000"}, 5, "100000"),
        (DB, "Cleanup", {"Operation": "halt"}, 5, "expected one of monitor, start"),
        (SERVICE, "ReleaseQuorum", {}, 5, "Reason"),
        (SERVICE, "ExportConfiguration", {"Format": "xls"}, 5, "xls"),
        (SERVICE, "Why", {}, 5, "Resource"),
        (SERVICE, "Simulate", {"Operation": "melts", "Target": "db"}, 5, "fails-often"),
        (SERVICE, "Simulate", {"Operation": "lost", "Target": "db"}, 5, "db is a resource"),
        (SERVICE, "Simulate", {"Operation": "lost", "Target": "n7"}, 32772, "no node 'n7', but n1"),
        (DB, "Move", {"TargetNode": ""}, 5, "TargetNode is empty: expected one of n1, n2"),
        (DB, "Move", {"TargetNode": "n1", "Lifetime": "0"}, 5, "Lifetime is 0 s"),
        (DB, "Ban", {"NodeName": "n2", "Lifetime": "0"}, 5, "Lifetime is 0 s"),
        (SERVICE, "ForceEvictNode", {"NodeName": "n9"}, 32772, "n9"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence_before_anything_is_given(
    provider: Provider,
    target: pywbem.CIMInstanceName,
    method: str,
    given: Given,
    code: int,
    words: str,
) -> None:
    found, outputs = call(provider, target, method, given)
    assert (found, words in str(outputs["Message"])) == (code, True), outputs
    assert provider.engine.given == []


def test_resource_that_is_only_watched_is_started_and_managed_or_refused(
    provider: Provider,
) -> None:
    provider.engine.change_primitive("db", managed=False)
    code, outputs = call(provider, DB, "Move", {"TargetNode": "n1"})
    assert (code, "Manage()" in str(outputs["Message"])) == (32771, True)
    assert call(provider, DB, "Start")[0] == 0
    assert [each for each, _ in provider.engine.given] == [
        SetResourceManaged("db", True),
        StartResource("db"),
    ]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [("busy", 4099), ("no-quorum", 32768), ("unsafe", 32769), ("invalid", 5), ("stale", 4)],
)
def test_refusal_of_the_cluster_has_a_code_and_its_words(
    provider: Provider, refusal: str, code: int
) -> None:
    provider.engine.answer = Refused(refusal, "because")
    assert call(provider, DB, "Move") == (code, {"Message": "because"})


def test_clone_is_promoted_as_its_group_of_methods_says() -> None:
    provider = Provider(cloned())
    clone = next(each for each in cloned().clones if each.is_promotable)
    target = resource_path(clone.id, "HA_MasterSlaveResource")
    assert call(provider, target, "Promote")[0] == 0
    assert call(provider, target, "Demote")[0] == 0
    assert call(provider, target, "Promote", {"NodeName": "n2", "Lifetime": "9"})[0] == 0
    assert call(provider, target, "Demote", {"NodeName": "n2"})[0] == 0
    code, outputs = call(provider, target, "Promote", {"Lifetime": "9"})
    assert (code, outputs["Message"]) == (
        5,
        "Lifetime is given without NodeName: only a promotion on a node has an end",
    )
    assert call(provider, target, "Demote", {"NodeName": "n9"})[0] == 32772
    assert [each for each, _ in provider.engine.given] == [
        commands.PromoteResource(clone.id, True),
        commands.PromoteResource(clone.id, False),
        commands.PromoteResource(clone.id, True, "", "n2", 9000),
        commands.PromoteResource(clone.id, False, "", "n2"),
    ]


def test_node_that_is_off_is_switched_on_and_its_job_ends_when_it_is_back() -> None:
    provider = Provider()
    provider.engine.change_node("n2", state="lost", fenced_by="switch")
    assert call(provider, node_path("n2"), "Fence", {"Action": "on", "Reason": "r"})[0] == 0
    assert [each for each, _ in provider.engine.given] == [commands.SwitchNodeOn("n2", "r")]


def test_end_of_a_standby_is_shown() -> None:
    provider = Provider()
    for given, has_end in (({"Enable": True}, False), ({"Enable": True, "Lifetime": "60"}, True)):
        call(provider, node_path("n1"), "SetStandby", given)
        answer = provider.ask(EnumerateInstances(MODEL, "HA_ClusterNode"))
        assert isinstance(answer, Instances)
        (node,) = (each for each in answer.items if each["Name"] == "n1")
        assert (node["StandbyUntil"] is not None) is has_end


@pytest.mark.parametrize(
    ("fails", "state", "ended"),
    [(3, "started", True), (2, "started", False), (3, "failed", False), (3, "stopped", True)],
)
def test_job_of_a_failure_is_done_once_it_counts_and_is_mended(
    fails: int, state: str, ended: bool
) -> None:
    view = cluster()
    known = next(each for each in view.primitives if each.id == "db")
    instance = InstanceView("n2", state, fails, id="db")
    db = replace(known, state=state, instances=(instance,))
    others = tuple(each for each in view.primitives if each.id != "db")
    world = World(replace(view, primitives=(*others, db), pending_actions=1), IDENTITY)
    assert (progress(world, Job("fail", "db", 2)).state == COMPLETED) is ended


@pytest.mark.parametrize(
    ("method", "given", "question", "output"),
    [
        ("Why", {"Resource": "db"}, commands.WhyResource("db"), "Text"),
        ("Preview", {"Text": "x"}, commands.IfApplied("x"), "Plan"),
        ("Verify", {"Text": "x"}, commands.Verify("x"), "Messages"),
        ("Verify", {}, commands.Verify(), "Messages"),
        ("ExportConfiguration", {"Format": "CIB"}, commands.Export("cib"), "Text"),
        (
            "Simulate",
            {"Operation": "lost", "Target": "n2"},
            commands.WhatIf("node", "n2", "lost"),
            "Lines",
        ),
        (
            "Simulate",
            {"Operation": "moved", "Target": "db", "NodeName": "n1"},
            commands.WhatIf("resource", "db", "moved", "n1"),
            "Lines",
        ),
    ],
)
def test_question_is_answered_and_changes_nothing(
    provider: Provider, method: str, given: Given, question: Question, output: str
) -> None:
    code, outputs = call(provider, SERVICE, method, given)
    assert (code, bool(outputs[output])) == (0, True)
    assert (provider.engine.asked, provider.engine.given) == ([question], [])


def test_resource_says_why_it_is_where_it_is_line_by_line_and_as_json(provider: Provider) -> None:
    code, outputs = call(provider, DB, "Explain")
    assert (code, outputs["Reasons"]) == (0, ["db is started on n2"])
    assert str(outputs["Result"]).startswith("[")


def test_node_is_evicted_once_it_is_empty_and_forgotten_where_it_is_lost(
    provider: Provider,
) -> None:
    n2, given = node_path("n2"), {"CS": node_path("n2")}
    assert call(provider, SERVICE, "EvictNode", dict(given)) == (0, {})
    assert [each for each, _ in provider.engine.given] == [
        SetNodeStandby("n2", True),
        commands.RemoveNode("n2", is_drained=True),
    ]
    nodes = provider.ask(EnumerateInstances(MODEL, "HA_ClusterNode"))
    assert isinstance(nodes, Instances)
    assert n2["Name"] not in [each["Name"] for each in nodes.items]
    again = Provider()
    again.engine.answer = Pending("accepted, but n2 runs db")
    with pytest.raises(pywbem.CIMError, match=r"what was begun is taken back: .* n2 runs db"):
        call(again, SERVICE, "EvictNode", dict(given))
    assert [each for each, _ in again.engine.given] == [
        SetNodeStandby("n2", True),
        SetNodeStandby("n2", False),
    ]


class Answering(MemoryEngine):
    """Gives one answer after the other, and remembers how long each command may wait."""

    answers: tuple[Outcome, ...] = ()
    patience: tuple[float | None, ...] = ()

    async def submit(self, command: Command, author: str, within_s: float | None = None) -> Outcome:
        """See `ClusterEngine`."""
        self.given.append((command, author))
        self.patience = (*self.patience, within_s)
        first, *rest = self.answers
        self.answers = (*rest, first)
        return first


def answering(*answers: Outcome) -> tuple[Provider, Answering]:
    provider = Provider()
    engine = Answering(provider.engine.now)
    engine.answers = answers
    provider.engine, provider.mapping = engine, Mapping(schema(), engine, IDENTITY)
    return provider, engine


@pytest.mark.parametrize(
    ("back", "words"), [(Done(), "is taken back"), (Refused("no-quorum", "no quorum"), "stays")]
)
def test_node_that_may_not_go_is_no_longer_in_standby_or_that_is_said(
    back: Outcome, words: str
) -> None:
    refusal = Refused("failed", "n2 is the last voter")
    provider, engine = answering(Done(), refusal, back)
    with pytest.raises(pywbem.CIMError, match=f"{words}.*n2 is the last voter"):
        call(provider, SERVICE, "EvictNode", {"CS": node_path("n2")})
    assert engine.given[-1][0] == SetNodeStandby("n2", False)


def test_what_waits_for_many_effects_waits_once_and_leaves_the_rest_to_a_job() -> None:
    provider, engine = answering(Pending("accepted, but web is looked at"), Done(), Done(), Done())
    code, outputs = call(provider, node_path("n2"), "Probe")
    assert (code, outputs["Message"]) == (4096, "accepted, but web is looked at")
    assert sum(each or 0 for each in engine.patience) <= PATIENCE_S


def test_end_of_a_ban_leaves_the_move_back_to_a_job() -> None:
    provider, engine = answering(Pending("accepted, but db is started on n1"))
    code, outputs = call(provider, DB, "Unban", {"NodeName": "n2"})
    assert (code, outputs["Message"]) == (4096, "accepted, but db is started on n1")
    assert engine.patience == (PATIENCE_S,)
    assert isinstance(outputs["Job"], pywbem.CIMInstanceName)


def test_all_resources_of_a_node_are_moved_and_its_failures_forgotten(provider: Provider) -> None:
    assert call(provider, SERVICE, "MoveAllFrom", {"NodeName": "n1"})[0] == 0
    assert [each for each, _ in provider.engine.given] == [commands.MoveResource("web")]
    assert call(provider, node_path("n2"), "Probe")[0] == 0
    probes: list[Control] = [
        commands.CleanupResource(each.id, "n2")
        for each in sorted(provider.engine.now.primitives, key=lambda each: each.id)
    ]
    assert [each for each, _ in provider.engine.given[1:]] == probes


def test_sequence_that_is_refused_midway_says_how_far_it_came(provider: Provider) -> None:
    lost = NodeView("n9", "online")
    provider.engine.become(nodes=(*provider.engine.now.nodes, lost), quorate=False)
    code, outputs = call(provider, node_path("n9"), "Probe")
    assert (code, "quorum" in str(outputs["Message"])) == (32768, True)


def test_invitation_is_a_token(provider: Provider) -> None:
    assert call(provider, SERVICE, "Invite", {"Minutes": "5"}) == (
        0,
        {"Token": "token-for-one-machine"},
    )


def test_ticket_is_granted_with_words_revoked_and_left_standing_by(provider: Provider) -> None:
    name = provider.engine.now.settings.tickets[0].name
    ticket = path("HA_Ticket", Id=name)
    code, outputs = call(provider, ticket, "Grant")
    assert (code, "Reason is not given" in str(outputs["Message"])) == (5, True)
    call(provider, ticket, "Grant", {"Reason": "the other site is down"})
    call(provider, ticket, "Revoke", {"Reason": "back"})
    call(provider, ticket, "RequestStateChange", {"RequestedState": "6"})
    call(provider, ticket, "RequestStateChange", {"RequestedState": "3"})
    assert call(provider, ticket, "RequestStateChange", {"RequestedState": "9"})[0] == 1
    assert [each for each, _ in provider.engine.given] == [
        commands.SetTicket(name, granted=True, reason="the other site is down"),
        commands.SetTicket(name, granted=False, reason="back"),
        commands.SetTicket(name, standby=True),
        commands.SetTicket(name, granted=False),
    ]


@pytest.mark.parametrize("granted", [True, False])
def test_grant_of_a_ticket_in_standby_ends_the_standby_too(
    provider: Provider, granted: bool
) -> None:
    settings = provider.engine.now.settings
    ticket = replace(settings.tickets[0], is_granted=granted, is_standby=True)
    provider.engine.become(settings=replace(settings, tickets=(ticket,)))
    named, words = path("HA_Ticket", Id=ticket.name), "the other site is down"
    call(provider, named, "Grant", {"Reason": words})
    call(provider, named, "RequestStateChange", {"RequestedState": "2"})
    first, second = (each for each, _ in provider.engine.given)
    assert first == commands.SetTicket(ticket.name, granted=True, standby=False, reason=words)
    assert isinstance(second, commands.SetTicket)
    assert (second.standby, second.granted) == (False, None if granted else True)


def test_option_is_set_and_unset_by_its_name(provider: Provider) -> None:
    known = next(each for each in provider.engine.now.settings.options if each.is_set)
    given = {"Name": known.name, "Value": known.value, "Reason": "r"}
    assert call(provider, SERVICE, "SetClusterProperty", given) == (0, {"Message": "r"})
    code, outputs = call(provider, SERVICE, "SetClusterProperty", {"Name": known.name})
    assert (code, outputs) == (0, {"Message": f"option {known.name} unset over WBEM"})
    wanted = [(SetOption(known.name, known.value),), (SetOption(known.name, None),)]
    assert [edit.changes for edit, _ in provider.engine.edits] == wanted
    code, outputs = call(provider, SERVICE, "SetClusterProperty", {"Name": "unheard"})
    assert (code, "'unheard'" in str(outputs["Message"])) == (5, True)
    _, outputs = call(provider, SERVICE, "SetClusterProperty", {"Name": "health.rad"})
    hint = "no option 'health.rad'; did you mean 'health.red'?"
    assert str(outputs["Message"]).endswith(hint)
    named: Given = {"Name": "health-red", "Value": "-5"}
    assert call(provider, SERVICE, "SetClusterProperty", named)[0] == 0
    assert provider.engine.edits[-1][0].changes == (SetOption("health.red", "-5"),)
    stale: Given = {"Name": known.name, "Base": "1000"}
    assert call(provider, SERVICE, "SetClusterProperty", stale)[0] == 4


def test_ban_from_the_last_node_that_is_allowed_says_that_nothing_is_left() -> None:
    redundancy = Redundancy(may_run=(MayRun("db", ("n2",)), MayRun("server", ("n1", "n2"))))
    provider = Provider(cluster(redundancy=redundancy))
    code, outputs = call(provider, DB, "Ban", {"NodeName": "n2"})
    assert (code, "no other node may run db" in str(outputs["Message"])) == (0, True)
    _, outputs = call(provider, GROUP, "Ban", {"NodeName": "n1"})
    assert "no other node" not in str(outputs.get("Message", ""))


def test_move_of_a_member_says_that_its_group_goes_with_it(provider: Provider) -> None:
    server = resource_path("server")
    _, outputs = call(provider, server, "Move", {"TargetNode": "n2"})
    assert "group web, and all of it moves: ip, server" in str(outputs["Message"])
    assert call(provider, DB, "Move", {"TargetNode": "n1"})[1] == {}


class Telling(MemoryEngine):
    """Says what it has moved."""

    async def submit(self, command: Command, author: str, within_s: float | None = None) -> Outcome:
        await super().submit(command, author, within_s)
        assert isinstance(command, commands.MoveResource)
        return Done(f"{command.resource}: move")


def test_all_that_moves_from_a_node_is_named(provider: Provider) -> None:
    provider.engine = Telling(provider.engine.now)
    provider.engine.change_primitive("cache", state="started", nodes=("n1",))
    provider.mapping = Mapping(schema(), provider.engine, IDENTITY)
    _, outputs = call(provider, SERVICE, "MoveAllFrom", {"NodeName": "n1"})
    assert outputs["Message"] == "cache: move; web: move"


def test_nobody_who_could_be_asked_is_no_acceptance() -> None:
    provider = Provider(cluster(engine=EngineState.STOPPED))
    code, outputs = call(provider, DB, "Start")
    assert (code, "does not answer" in str(outputs["Message"])) == (4, True)
