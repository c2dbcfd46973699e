"""What `ha doctor` finds: each fault by itself, in a cluster in which all else is well."""

from dataclasses import replace

import pytest

from ha_core.config.choices import NoQuorumPolicy
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Link,
    Location,
    Operation,
    Origin,
    Primitive,
    TwoNode,
)
from ha_core.doctor import spares
from ha_core.doctor.examine import CHECKS, examine
from ha_core.doctor.facts import Examined, Listener, Place, Space
from ha_core.doctor.findings import Finding, Severity, in_order, parted, some, worst
from ha_core.gates import Gates
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId
from ha_core.snapshot import Commanded, LinkMoment, LinkSummary
from ha_core.status import Connectivity
from tests.core.doctor import wards
from tests.core.doctor.wards import DAY_MS, GIB, N2
from tests.fake_cluster import WALL_MS

CRITICAL, WARNING, NOTICE = Severity.CRITICAL, Severity.WARNING, Severity.NOTICE
DB = ResourceId("db")
KEYS = Place("key ring", "/r/etc/keyring", 0o640, True)
OPEN = Place("directory", "/r/etc", 0o777)
HIDDEN = Place("database", "/r/lib/store.db", 0, True, "Permission denied")
BLIND = Primitive(
    DB,
    AgentRef(AgentClass.PROCESS),
    operations=(Operation("monitor", 10_000, enabled=False),),
)
IP = Primitive(
    ResourceId("ip"),
    AgentRef(AgentClass.ADDRESS),
    (("address", "192.0.2.80"), ("interface", "eth0")),
)
AGENT = Primitive(DB, AgentRef(AgentClass.OCF, "heartbeat", "mysql"))


def bad(examined: Examined) -> list[Finding]:
    """Return what is found that is not well."""
    return [each for each in examine(examined) if each.severity is not Severity.OK]


def test_cluster_in_which_all_is_well_has_no_finding_and_every_check_says_so() -> None:
    findings = examine(wards.WELL)
    assert bad(wards.WELL) == []
    assert worst(findings) is Severity.OK
    silent = {"rehearsal"}  # there are no fence devices
    modules = {each.check for each in findings}
    assert len(modules) == len(CHECKS) - len(silent)


CASES = [
    # daemon, votes, nodes
    (wards.with_machine(guardian_pid=None), CRITICAL, "daemon", "has no guardian"),
    (wards.with_machine(guardian_state="stopped"), CRITICAL, "daemon", "(process 12) is stopped"),
    (
        wards.well(snapshot=wards.seen(quorate=False, votes=1, votes_missing=(N2,), outlook="")),
        CRITICAL,
        "quorum",
        "1 of 3 votes are there, and 2 are needed",
    ),
    (wards.well(snapshot=wards.seen(quorate=False, electing=True)), WARNING, "quorum", "elects"),
    (wards.well(snapshot=wards.seen(votes=2, outlook="x; do y")), WARNING, "quorum", "x"),
    (wards.well(snapshot=wards.seen(votes_expected=1, votes=1)), WARNING, "quorum", "alone"),
    (wards.well(snapshot=wards.seen(awaited=(N2,))), CRITICAL, "quorum", "waits for n2"),
    (
        wards.with_options(no_quorum_policy=NoQuorumPolicy.IGNORE),
        WARNING,
        "quorum",
        "without a quorum everything goes on",
    ),
    (wards.with_node("n3", state="lost"), WARNING, "nodes", "n3 is lost"),
    (wards.with_node("n3", state="lost", unclean=True), CRITICAL, "nodes", "may still run"),
    (wards.with_node("n3", state="left"), NOTICE, "nodes", "stopped in good order"),
    (wards.with_node("n3", state="suspect"), NOTICE, "nodes", "n3 is silent"),
    (wards.with_node("n3", state="standby"), WARNING, "nodes", "n3 is in standby"),
    (
        wards.with_node("n3", state="standby", standby_until_wall_ms=WALL_MS + 1),
        NOTICE,
        "nodes",
        "ends by itself",
    ),
    (wards.with_node("n3", state="maintenance"), WARNING, "nodes", "n3 is in maintenance"),
    (wards.with_options(maintenance=True), WARNING, "nodes", "the whole cluster"),
    (wards.well(snapshot=wards.seen(leaving=True)), NOTICE, "nodes", "n1 is being stopped"),
    # resources
    (wards.with_resource("db", state="failed"), CRITICAL, "resources", "db has failed"),
    (wards.with_resource("db", state="blocked"), CRITICAL, "resources", "db is blocked"),
    (wards.with_resource("db", state="unknown"), CRITICAL, "resources", "whether db runs"),
    (wards.with_resource("db", state="stopped"), CRITICAL, "resources", "db is stopped"),
    (wards.with_failures("db", "n2"), WARNING, "resources", "has failed before on n2 and runs"),
    (wards.with_resource("db", managed=False), WARNING, "by-hand", "db is unmanaged"),
    (
        wards.with_resource("db", state="stopped", target="stopped"),
        NOTICE,
        "by-hand",
        "stopped on purpose",
    ),
    (wards.with_options(stop_all=True), WARNING, "by-hand", "everything is wanted stopped"),
    (
        wards.well(snapshot=wards.seen(commanded=(Commanded(DB, N2, Origin.BAN, False),))),
        WARNING,
        "by-hand",
        "db is banned from n2, without an end",
    ),
    (
        wards.well(
            snapshot=wards.seen(
                commanded=(Commanded(DB, N2, Origin.MOVE, True, ends_with_node=True),)
            )
        ),
        NOTICE,
        "by-hand",
        "db is kept on n2 by hand, which ends with that node's loss",
    ),
    (wards.configured(primitives=(BLIND,)), WARNING, "monitors", "no monitor watches db"),
    # guards and fencing
    (wards.with_resource("db", guard="none", takeover_wait_ms=None), WARNING, "guards", "ends db"),
    (wards.with_resource("db", guard="none"), WARNING, "fencing", "cut off n1, n2, n3"),
    (wards.configured(primitives=(IP,)), NOTICE, "guards", "n1 has no kernel gate: ip"),
    (
        replace(
            wards.with_node("n1", gates=Gates(kernel=True, no_watchdog="no device")),
            machine=replace(wards.MACHINE, wants_watchdog=True),
        ),
        WARNING,
        "guards",
        "n1 names a watchdog and has none (no device)",
    ),
    (
        wards.configured(
            fence_devices=(wards.SWITCH,),
            options=replace(wards.seen().configuration.options, fencing=False),
        ),
        WARNING,
        "fencing",
        "not used",
    ),
    (wards.with_fencing(), WARNING, "rehearsal", "switch was never tried"),
    (wards.with_fencing(wards.tried(ok=False)), CRITICAL, "rehearsal", "cannot cut off n2"),
    (wards.with_fencing(wards.tried(ok=True, days=31)), NOTICE, "rehearsal", "31 days ago"),
    # network and clocks
    (
        wards.configured(links=(Link(wards.LINKS[0]),)),
        WARNING,
        "links",
        "one link alone (ring0)",
    ),
    (wards.with_link(up=False, reason="silent"), WARNING, "links", "is down (silent)"),
    (wards.with_link(flaps=True), WARNING, "links", "comes and goes"),
    (wards.with_link(loss_permille=21), NOTICE, "links", "loses 2.1 %"),
    (
        wards.configured(ping=replace(wards.seen().configuration.ping, targets=())),
        NOTICE,
        "reach",
        "no node looks",
    ),
    (
        wards.with_node("n2", connectivity=Connectivity(missed=("router",))),
        WARNING,
        "reach",
        "n2 does not reach router",
    ),
    (wards.with_figures("n2", at_wall_ms=WALL_MS + 3_010), NOTICE, "clocks", "3 s ahead of"),
    (wards.with_figures("n2", at_wall_ms=WALL_MS - 400_000), WARNING, "clocks", "6 min behind"),
    (wards.with_machine(is_clock_kept=False), NOTICE, "clocks", "no time service"),
    (
        wards.well(
            events=tuple(replace(e, at_wall_ms=WALL_MS + 60_000) for e in wards.WELL.events)
        ),
        WARNING,
        "clocks",
        "has a time that is 60 s ahead",
    ),
    (wards.well(daemon="0.0.9"), NOTICE, "versions", "the daemon is version 0.0.9"),
    (wards.with_figures("n2", product="0.2.0"), NOTICE, "versions", "n2: 0.2.0 (protocol 1)"),
    (wards.well(told=wards.TOLD[:2]), NOTICE, "versions", "n3 told nothing"),
    (wards.with_figures("n2", memory_available_bytes=GIB // 8), WARNING, "load", "128 MiB"),
    (wards.with_figures("n2", load_milli=(0, 9_000, 0)), NOTICE, "load", "a load of 9.0 on 2"),
    (wards.with_figures("n2", beats_late=10, beats_received=900), NOTICE, "load", "10 times"),
    (wards.configured(primitives=(AGENT,)), WARNING, "agents", "do not have the agent ocf"),
    # machine
    (wards.with_machine(places=(KEYS,)), CRITICAL, "rights", "may be used by others (mode 0640)"),
    (wards.with_machine(places=(OPEN,)), CRITICAL, "rights", "may be written by others"),
    (wards.with_machine(places=(HIDDEN,)), NOTICE, "rights", "Permission denied"),
    (
        wards.with_machine(spaces=(Space("/r", 60 * 1024**2, GIB),)),
        CRITICAL,
        "disk",
        "has 60 MiB left",
    ),
    (wards.with_machine(spaces=(Space("/r", GIB // 4, GIB),)), WARNING, "disk", "256 MiB left"),
    (
        wards.with_machine(spaces=(Space("/r", GIB, GIB, 19, 1000),)),
        WARNING,
        "disk",
        "room for 19 more files",
    ),
    (wards.with_machine(store_bytes=GIB), WARNING, "store", "the database has 1024 MiB"),
    # history
    (wards.well(events=wards.happened(501, 1000)), WARNING, "events", "501 of them resource-fail"),
    (wards.well(events=wards.happened(9000, 15_000)), NOTICE, "events", "go back 37 hours only"),
    (wards.well(snapshot=wards.seen(faults=("a: b c",))), WARNING, "faults", "a"),
    (wards.well(snapshot=wards.seen(notices=("a: b c",))), NOTICE, "faults", "a"),
    # the WBEM server
    (wards.with_server(fault="refused"), WARNING, "wbem", "does not answer: refused"),
    (
        wards.with_server(certificate_until_wall_ms=WALL_MS + 29 * DAY_MS, renews=False),
        WARNING,
        "certificate",
        "ends in 29 days",
    ),
    (
        wards.with_server(certificate_until_wall_ms=WALL_MS + 6 * DAY_MS),
        WARNING,
        "certificate",
        "ends in 6 days",
    ),
    (
        wards.with_server(certificate_until_wall_ms=WALL_MS - 1),
        CRITICAL,
        "certificate",
        "has ended",
    ),
    (
        wards.with_server(certificate_until_wall_ms=None, certificate_fault="denied"),
        NOTICE,
        "certificate",
        "denied",
    ),
    (
        wards.with_server(listeners=(Listener("console", "http://h/", "refused"),)),
        WARNING,
        "listeners",
        "console (http://h/) does not answer",
    ),
    (
        wards.with_server(listeners=(Listener("console", "http://h/", dropped=7),)),
        WARNING,
        "listeners",
        "7 indications",
    ),
    (wards.with_server(unasked=3), NOTICE, "listeners", "3 more listeners"),
    (wards.with_server(shelf_fault="denied"), NOTICE, "listeners", "not known: denied"),
    (wards.with_server(drafts=(wards.DRAFT,)), NOTICE, "drafts", "db2 (primitive, by lisa)"),
]


@pytest.mark.parametrize(("examined", "severity", "check", "words"), CASES)
def test_fault_is_found_weighed_and_has_reason_and_cure(
    examined: Examined, severity: Severity, check: str, words: str
) -> None:
    found = [each for each in bad(examined) if each.check == check and words in each.text]
    assert found, [f"{each.check}: {each.text}" for each in bad(examined)]
    assert found[0].severity is severity
    assert not found[0].text.startswith(f"{check}: "), "the check's name stands before it"
    for each in bad(examined):
        assert len(each.why.split()) > 3, each
        assert len(each.cure.split()) > 1, each


def test_service_that_only_one_node_may_run_is_foreseen_to_be_lost_with_it() -> None:
    bans = tuple(
        Location(ConstraintId(f"ban-{node}"), DB, NodeName(node), -INFINITY)
        for node in ("n1", "n3")
    )
    (finding,) = bad(wards.configured(locations=bans))
    assert (finding.severity, finding.check, finding.subject) == (WARNING, "spares", "db")
    assert finding.text == "if n2 is lost, db does not come back by itself"
    assert finding.why.startswith("it would stay down: ")
    assert "ha whatif node n2 lost" in finding.cure


def test_loss_is_not_foreseen_where_that_would_take_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spares, "FORESEEN_MAX", 5)
    (finding,) = bad(wards.WELL)
    assert (finding.severity, finding.check) == (NOTICE, "spares")
    assert "ha whatif node NODE lost" in finding.cure


def test_two_nodes_that_fencing_decides_between_are_no_warning() -> None:
    options = replace(wards.seen().configuration.options, two_node=TwoNode.FENCING)
    whole = replace(wards.seen().configuration, options=options)
    two = wards.seen(votes=2, votes_expected=2, outlook="two nodes; a witness", configuration=whole)
    (finding,) = (each for each in bad(wards.well(snapshot=two)) if each.check == "quorum")
    assert (finding.severity, finding.cure) == (NOTICE, "a witness")


def test_without_the_daemon_the_machine_is_examined_all_the_same() -> None:
    away = replace(wards.WELL, snapshot=None, daemon_fault="no daemon answers at s: start it now")
    findings = examine(replace(away, told=(), events=(), links=(), daemon=""))
    assert findings[0].severity is CRITICAL
    assert findings[0].text == "no daemon answers at s"
    assert findings[0].cure.startswith("start it now; if it ends again, ")
    checks = {each.check for each in findings}
    assert {"rights", "disk", "certificate", "wbem"} <= checks
    assert not checks & {"listeners", "drafts"}, "the daemon keeps them"


def test_old_figures_of_a_silent_node_are_no_other_clock() -> None:
    old = wards.with_figures("n2", at_wall_ms=WALL_MS - 400_000)
    told = tuple(replace(each, is_fresh=each.figures.node != N2) for each in old.told)
    found = bad(replace(old, told=told))
    assert [each.check for each in found] == ["versions"]
    assert "n2 told nothing" in found[0].text


def test_link_that_only_this_node_knows_of_is_looked_at_and_no_more_is_claimed() -> None:
    down = LinkSummary(N2, wards.LINKS[1], False, 4000, history=(LinkMoment(0, False, "silent"),))
    alone = wards.well(snapshot=wards.seen(links=(down,)), links=())
    (finding,) = bad(alone)
    assert finding.text == "ring1 from n2 to n1 is down (silent)"
    (well,) = (each for each in examine(wards.well(links=())) if each.check == "links")
    assert well.text == "of the ways between nodes that have told of theirs (2) none is down"


def test_witness_is_not_missed_where_it_has_nothing_to_tell() -> None:
    n1, n2, n3 = wards.seen().configuration.nodes
    whole = replace(wards.seen().configuration, nodes=(n1, n2, replace(n3, witness=True)))
    nodes = tuple(replace(each, witness=each.name == "n3") for each in wards.seen().nodes)
    seen = wards.seen(configuration=whole, nodes=nodes)
    assert bad(wards.well(snapshot=seen, told=wards.TOLD[:2])) == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a is wrong: mend it now", ("a is wrong", "mend it now")),
        ("a: b is wrong: mend it now", ("a: b is wrong", "mend it now")),
        ("a is wrong; if b, then: mend it", ("a is wrong; if b, then: mend it", "")),
        ("a is wrong: b", ("a is wrong: b", "")),
        ("a is wrong; b goes on", ("a is wrong; b goes on", "")),
    ],
)
def test_cure_of_a_fault_is_what_stands_behind_its_last_colon(
    text: str, parts: tuple[str, str]
) -> None:
    assert parted(text) == parts


def test_without_a_quorum_what_does_not_run_is_told_once_with_its_cause() -> None:
    resources = tuple(replace(item, state="unknown") for item in wards.seen().resources)
    lost = wards.seen(quorate=False, votes=1, resources=resources, votes_missing=(N2,))
    found = [each for each in bad(wards.well(snapshot=lost)) if each.severity is CRITICAL]
    assert [each.check for each in found] == ["quorum", "resources"]
    assert found[1].text == "not known to run: db, ip, web"


def test_services_that_one_loss_ends_for_one_reason_are_told_together() -> None:
    bans = tuple(
        Location(ConstraintId(f"ban-{name}-{node}"), ResourceId(name), NodeName(node), -INFINITY)
        for name in ("ip", "db")
        for node in ("n2", "n3")
    )
    on_n1 = wards.with_resource("db", nodes=(NodeName("n1"),)).snapshot
    assert on_n1 is not None
    instances = tuple(
        replace(status, instances=tuple(i for s in on_n1.instances for i in s.instances))
        if status.name == "n1"
        else replace(status, instances=())
        for status in on_n1.instances
    )
    whole = replace(on_n1.configuration, locations=bans)
    found = bad(wards.well(snapshot=replace(on_n1, configuration=whole, instances=instances)))
    told = [each for each in found if each.check == "spares"]
    assert sum("n1 is lost" in each.text for each in told) == len(told)
    assert {"db", "shop"} == {
        word.strip(",")
        for each in told
        for word in each.text.split()
        if word.strip(",") in ("db", "shop")
    }


@pytest.mark.parametrize(
    "text",
    [
        "node n3 is lost: start it, or mend its links; it comes back by itself",
        "resource db has failed: start on n2 gave exit code 1 (no)",
        "link ring1 to n2 is down; other links carry on",
        "n1 sees no working coordinator: no quorum",
    ],
)
def test_fault_that_another_check_tells_of_is_not_told_twice(text: str) -> None:
    assert bad(wards.well(snapshot=wards.seen(faults=(text,)))) == []


def test_worst_findings_come_first_and_the_others_stay_in_order() -> None:
    made = [
        Finding(severity, str(number), "", "t")
        for number, severity in enumerate([Severity.OK, WARNING, CRITICAL, NOTICE, CRITICAL])
    ]
    assert [each.check for each in in_order(made)] == ["2", "4", "1", "3", "0"]
    assert worst(made) is CRITICAL
    assert worst(()) is Severity.OK


def test_of_many_names_the_first_ones_are_told_and_the_others_counted() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some(list("abcdefg")) == "a, b, c, d, e and 2 more"
