"""What has happened in the sample cluster: one of each kind, for views of tests."""

from cim_provider.views.history import (
    FencingView,
    HistoryView,
    LinkView,
    ResultView,
    RevisionView,
)
from cim_provider.views.journal import CoreEvent

WALL_MS = 1_700_000_000_000


def event(seq: int, kind: str, subject: str = "n1", **changes: str) -> CoreEvent:
    """Return an event that n1 has noticed."""
    text = changes.pop("text", f"{subject}: {kind}")
    return CoreEvent(seq, "n1", WALL_MS + seq, kind, subject, text, **changes)


def links() -> tuple[LinkView, ...]:
    """Return links in every state."""
    common = {"address": "10.0.0.1", "port": 6940, "peers": ("10.0.0.2", "10.0.0.3")}
    told = {"loss_permille": 0, "changes": 0, "seen_by": "n1"}
    worn = {**told, "changes": 5, "changed_wall_ms": WALL_MS, "heard_wall_ms": WALL_MS - 1000}
    silent = {**worn, "reason": "nothing was heard for 1000 ms: error"}
    return (
        LinkView("n1", "ring0", "up", **{**common, **told, "loss_permille": 20}),  # type: ignore[arg-type]  # fields by their names
        LinkView("n1", "wide", "flapping", "broadcast", "eth1", group="10.0.0.255", **worn),  # type: ignore[arg-type]  # fields by their names
        LinkView("n2", "many", "down", "multicast", group="239.1.1.1", **silent),  # type: ignore[arg-type]  # fields by their names
        LinkView("n2", "ring0", "up", deaf=("n3",), **{**common, **told}),  # type: ignore[arg-type]  # fields by their names
        LinkView("n3", "cable", "unknown", "serial", address="/dev/ttyS0", speed=115_200),
    )


def past() -> HistoryView:
    """Return one of everything; the first event was cleared away."""
    return HistoryView(
        events=(
            event(3, "node-joined", "n2"),
            event(4, "node-lost", "n3", text="n3 is lost | FAILED *", why="error", incident="i1"),
            event(7, "configuration-changed", "7", text="revision 7 by ann: more"),
            event(8, "resource-failed", "db", text="monitor: time limit exceeded after 3 ms"),
            event(1_000_001, "something-new", "n1", text=""),
        ),
        cleared=3,
        revisions=(
            RevisionView(6, "root", "begin", WALL_MS),
            RevisionView(7, "ann", "more: error", WALL_MS + 7, ("+ resource db", "+ resource ip")),
            RevisionView(8, "ann", "", WALL_MS + 8, ()),
        ),
        links=links(),
        results=(
            ResultView(
                *("n1", "server", "monitor", 10_000),
                run_wall_ms=WALL_MS,
                changed_wall_ms=WALL_MS,
                execution_ms=7,
                call=4,
            ),
            ResultView(
                *("n2", "db", "start", 0, "failed", 5, 0),
                reason="the program db is not there",
                output=("looking for db", "not there"),
                run_wall_ms=WALL_MS,
            ),
            ResultView("n3", "worker:2", "stop", 0, "timed-out", 99),
        ),
        fencing=(
            FencingView("n3-4", "n3", "pending", "on", "n1", "n2", "pdu", reason="lost"),
            FencingView(
                *("9", "n3", "succeeded", "off", "n1", "n2", "pdu"),
                started_wall_ms=WALL_MS,
                ended_wall_ms=WALL_MS + 9,
                text="n3 is off, as pdu has proved",
                incident="i1",
            ),
            FencingView("12", "n3", "failed", text="no device could do it: error"),
            FencingView("15", "n3", "succeeded", is_confirmed=True, text="ann confirmed it"),
        ),
        devices=(("switch", "n1"), ("switch", "n3"), ("gone", "n1")),
    )
