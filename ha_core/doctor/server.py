"""Findings about the WBEM server of this node: does it answer, its certificate, who listens.

Owns: these checks. Pure.
"""

from collections.abc import Iterator
from typing import Final

from ha_core.doctor.facts import Examined, Listener, Server
from ha_core.doctor.findings import Finding, Severity, ok
from ha_core.ids import Millis

WBEM = "wbem"
CERTIFICATE = "certificate"
LISTENERS = "listeners"
DRAFTS = "drafts"
DAY_MS: Final[Millis] = 86_400_000
CERTIFICATE_DAYS_MIN: Final = 30
RENEWED_DAYS_MIN: Final = 7
"""One that is renewed by itself, 30 days before its end, and was not, has a fault."""


def wbem(examined: Examined) -> Iterator[Finding]:
    """Yield whether the server answers."""
    server = examined.server
    if server is None:
        return
    if not server.is_there:
        yield ok(WBEM, "no WBEM server was ever set up here")
    elif server.fault:
        why = "consoles cannot ask this node, and, if no other one runs, hear of no event"
        cure = "systemctl start ha-cimd (in a lab: ha lab restart NODE); its log says why it ended"
        text = f"the WBEM server does not answer: {server.fault}"
        yield Finding(Severity.WARNING, WBEM, server.url, text, why, cure)
    else:
        yield ok(WBEM, f"the WBEM server answers at {server.url}")


def certificate(examined: Examined) -> Iterator[Finding]:
    """Yield a certificate that ends soon or cannot be read."""
    server = examined.server
    if server is None or not server.certificate:
        return
    if server.certificate_fault or server.certificate_until_wall_ms is None:
        why = "when it ends was not looked at, and clients refuse one that has ended"
        text = f"certificate {server.certificate} cannot be read: {server.certificate_fault}"
        cure = "run 'ha doctor' as root, or as the server's user"
        yield Finding(Severity.NOTICE, CERTIFICATE, server.certificate, text, why, cure)
        return
    yield _certificate(server, server.certificate_until_wall_ms - examined.at_wall_ms)


def _certificate(server: Server, left_ms: Millis) -> Finding:
    days = left_ms // DAY_MS
    why = "from then on no client that looks at certificates connects"
    cure = f"put a new one in its place, then: systemctl reload ha-cimd ({server.certificate})"
    if server.renews:
        cure = "it is renewed by itself: see the log of ha-cimd why it was not; restart ha-cimd"
    if left_ms <= 0:
        text = "the WBEM server's certificate has ended"
        return Finding(Severity.CRITICAL, CERTIFICATE, server.certificate, text, why, cure)
    if days < (RENEWED_DAYS_MIN if server.renews else CERTIFICATE_DAYS_MIN):
        text = f"the WBEM server's certificate ends in {days} days"
        return Finding(Severity.WARNING, CERTIFICATE, server.certificate, text, why, cure)
    by_itself = ", and is renewed by itself" if server.renews else ""
    return ok(CERTIFICATE, f"the WBEM server's certificate ends in {days} days{by_itself}")


def listeners(examined: Examined) -> Iterator[Finding]:
    """Yield destinations of indications that do not answer or have missed some."""
    server = examined.server
    if server is None or not server.is_there or examined.snapshot is None:
        return
    if server.shelf_fault:
        why = "whether they hear of events was not looked at"
        text = f"who subscribes to events is not known: {server.shelf_fault}"
        cure = "run 'ha doctor' as root, or as the daemon's user"
        yield Finding(Severity.NOTICE, LISTENERS, "", text, why, cure)
        return
    found = [each for item in server.listeners for each in _listener(item)]
    if server.unasked:
        why = "more would take too long"
        text = f"{server.unasked} more listeners were not tried"
        found.append(Finding(Severity.NOTICE, LISTENERS, "", text, why, "try them by hand"))
    count = len(server.listeners)
    well = f"every one of {count} listeners can be reached" if count else "nobody subscribes"
    yield from found or [ok(LISTENERS, well)]


def _listener(item: Listener) -> Iterator[Finding]:
    if item.fault:
        why = "what it subscribed to waits for it, and in the end is dropped"
        cure = "start it, or mend the way to it; if it is gone for good, delete its subscription"
        text = f"listener {item.name} ({item.url}) does not answer: {item.fault}"
        yield Finding(Severity.WARNING, LISTENERS, item.name, text, why, cure)
    if item.dropped:
        why = "the console behind it has not heard of them, and will not"
        cure = "let it read everything anew, then mend what kept it from listening"
        text = f"{item.dropped} indications for listener {item.name} were dropped"
        yield Finding(Severity.WARNING, LISTENERS, item.name, text, why, cure)


def drafts(examined: Examined) -> Iterator[Finding]:
    """Yield drafts that nobody has submitted."""
    server = examined.server
    is_known = server is not None and server.is_there and not server.shelf_fault
    if server is None or not is_known or examined.snapshot is None:
        return
    if not server.drafts:
        yield ok(DRAFTS, "no draft of a resource was left behind")
        return
    names = ", ".join(
        f"{each.id} ({each.kind}{f', by {each.author}' if each.author else ''})"
        for each in server.drafts[:10]
    )
    more = f" and {len(server.drafts) - 10} more" if len(server.drafts) > 10 else ""
    why = "they look like resources to a console, and nothing runs them"
    cure = "submit each with AddResource of HA_ClusterControlService, or delete it over WBEM"
    text = f"drafts that are in no configuration: {names}{more}"
    yield Finding(Severity.NOTICE, DRAFTS, "", text, why, cure)
