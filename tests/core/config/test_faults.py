"""Every fault of a file at once, each with its line, path, value and what is allowed."""

import pytest

from ha_core.config.check_fence import AGENT_ALLOWED
from tests.core.config.allowed import AGENTS, FURTHER, ID, KINDS, PLAIN, SCORE, TIME
from tests.core.config.samples import HEAD, faults, faults_of_file


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("cluster: my shop", f"1: cluster: is 'my shop'; allowed: {ID}"),
        ("cluster: [a]", f"1: cluster: is a list; allowed: {ID}"),
        ("cluster: {a: b}", f"1: cluster: is a mapping; allowed: {ID}"),
        ("cluster:", f"1: cluster: is empty; allowed: {ID}"),
        (
            "optoins: {}",
            "1: optoins: is an unknown key (did you mean options?); allowed: cluster, options, "
            "links, nodes, resources, constraints, tickets, fence_devices, ping, defaults, alerts",
        ),
        (
            "options: {dead_after: 99ms}",
            f"1: options.dead_after: is '99ms'; allowed: a time of 100ms to 10min {TIME}",
        ),
        (
            "options: {dead_after: 11min}",
            f"1: options.dead_after: is '11min'; allowed: a time of 100ms to 10min {TIME}",
        ),
        ("options: {symmetric: 1}", "1: options.symmetric: is '1'; allowed: true or false"),
        (
            "options: {no_quorum_policy: suicide}",
            "1: options.no_quorum_policy: is 'suicide'; allowed: one of stop, freeze, demote,"
            " ignore",
        ),
        (
            "options: [a]",
            "1: options: is a list; allowed: a mapping of dead_after, symmetric, "
            "no_quorum_policy, no_quorum_acknowledgement, wait_for_all, last_man_standing, "
            "two_node, maintenance, fencing, fencing_grace, strategy, placement, health, "
            "stop_all, start_failure_is_fatal",
        ),
        (
            "resources: {a b: {agent: lsb:x}}",
            f"1: resources.a b: is the name 'a b'; allowed: {ID}",
        ),
        (
            "resources: {r: {}}",
            "1: resources.r: has none of 'agent', 'group'; "
            "allowed: a mapping with one of 'agent', 'group'",
        ),
        (
            "resources: {r: lsb:x}",
            "1: resources.r: is 'lsb:x'; allowed: a mapping with one of 'agent', 'group'",
        ),
        (
            "resources: {r: {agent: lsb:x, group: [r]}}",
            "1: resources.r: has agent and group; allowed: a mapping with one of 'agent', 'group'",
        ),
        ("resources: [r]", "1: resources: is a list; allowed: a mapping of names"),
        ("resources: {r: {agent: x}}", f"1: resources.r.agent: is 'x'; allowed: {AGENTS}address"),
        (
            "resources: {r: {agent: ocf}}",
            f"1: resources.r.agent: is 'ocf'; allowed: {AGENTS}address",
        ),
        (
            "resources: {r: {agent: 'ocf:a:b:c'}}",
            f"1: resources.r.agent: is 'ocf:a:b:c'; allowed: {AGENTS}address",
        ),
        (
            "resources: {r: {agent: 'ocf:..:sh'}}",
            "1: resources.r.agent: is 'ocf:..:sh'; "
            "allowed: ocf:PROVIDER:TYPE with letters, digits and . _ + -",
        ),
        (
            "resources: {r: {agent: 'lsb:a:b'}}",
            f"1: resources.r.agent: is 'lsb:a:b'; allowed: {AGENTS}address",
        ),
        ("resources: {r: {agent: lsb}}", f"1: resources.r.agent: is 'lsb'; allowed: lsb:{PLAIN}"),
        (
            "resources: {r: {agent: 'lsb:../x'}}",
            f"1: resources.r.agent: is 'lsb:../x'; allowed: lsb:{PLAIN}",
        ),
        (
            "resources: {r: {agent: 'process:x', parameters: {command: x}}}",
            "1: resources.r.agent: is 'process:x'; allowed: 'process' alone",
        ),
        (
            "resources: {r: {agent: process}}",
            "1: resources.r.parameters.command: is missing, expected a program and its arguments",
        ),
        (
            "resources: {r: {agent: process, parameters: {command: x, ready_port: '0'}}}",
            "1: resources.r.parameters.ready_port: is '0', "
            "expected PORT or HOST:PORT with 1..65535",
        ),
        (
            "resources: {r: {agent: process, parameters: {command: x, comand: y}}}",
            "1: resources.r.parameters.comand: is unknown, "
            "expected one of command, directory, user, ready_port, env.NAME",
        ),
        (
            "resources: {r: {agent: address}}",
            "1: resources.r.parameters.address: is '', expected an IPv4 or IPv6 host address",
        ),
        (
            "resources: {r: {agent: address, parameters: {address: 192.0.2.9/40}}}",
            "1: resources.r.parameters.prefix: is '40', expected 0..32",
        ),
        (
            "resources: {r: {agent: lsb:x, parameters: {a=b: c}}}",
            "1: resources.r.parameters.a=b: is the name 'a=b'; allowed: letters, digits, _ . : - "
            "(128 at most, beginning with a letter, a digit or _)",
        ),
        (
            "resources: {r: {agent: lsb:x, parameters: {a: }}}",
            "1: resources.r.parameters.a: is empty; "
            "allowed: a text of at most 16384 characters, without null",
        ),
        (
            "resources: {r: {agent: lsb:x, parameters: {a: [1, 2]}}}",
            "1: resources.r.parameters.a: is a list; "
            "allowed: a text of at most 16384 characters, without null",
        ),
        (
            "resources: {r: {agent: lsb:x, stickiness: 1000001}}",
            f"1: resources.r.stickiness: is '1000001'; allowed: {SCORE}",
        ),
        (
            "resources: {r: {agent: lsb:x, migration_threshold: -1}}",
            "1: resources.r.migration_threshold: is '-1'; "
            "allowed: a whole number within 0..1000000, or INFINITY",
        ),
        (
            "resources: {r: {agent: lsb:x, failure_timeout: 8d}}",
            f"1: resources.r.failure_timeout: is '8d'; allowed: a time of 0 to 7d {TIME}",
        ),
        (
            "resources: {r: {agent: lsb:x}, g: {group: [r], exclusivity: none}}",
            "1: resources.g.exclusivity: is an unknown key; allowed: group, description, "
            "ordered, colocated, clone, promotable, prefers, avoids, only_on, never_on, with, "
            "apart_from, after, after_any_of, needs_ticket, target_role, managed, "
            "stickiness, priority, migration_threshold, failure_timeout, "
            f"needs_connectivity, prefers_connectivity, {FURTHER}",
        ),
        (
            "resources: {r: {agent: lsb:x, operations: {promote: {}}}}",
            "1: resources.r.operations.promote: is of what has no roles; "
            "allowed: with 'promotable: true'",
        ),
        (
            "resources: {r: {agent: lsb:x, operations: {start: {interval: 1s}}}}",
            "1: resources.r.operations.start.interval: is an unknown key; "
            "allowed: timeout, on_fail",
        ),
        (
            "resources: {r: {agent: lsb:x, operations: {stop: {on_fail: standby}}}}",
            "1: resources.r.operations.stop.on_fail: is standby; "
            "allowed for stop: restart, ignore, block, fence",
        ),
        (
            "resources: {r: {agent: lsb:x, operations: {start: {timeout: 9ms}}}}",
            "1: resources.r.operations.start.timeout: is '9ms'; "
            f"allowed: a time of 10ms to 7d {TIME}",
        ),
        (
            "resources: {r: {agent: lsb:x, operations: {monitor: {interval: 9ms}}}}",
            "1: resources.r.operations.monitor[0].interval: is 9 ms; allowed: 10 to 604800000 ms",
        ),
        (
            "resources: {r: {agent: lsb:x, operations: {monitor: {depth: 1001}}}}",
            "1: resources.r.operations.monitor.depth: is '1001'; "
            "allowed: a whole number, 0 to 1000",
        ),
        (
            "resources: {r: {agent: lsb:x, operations: {monitor: [{}, {timeout: 1s}]}}}",
            "1: resources.r.operations.monitor[1].interval: is 10000 ms, as another monitor's is; "
            "allowed: a different interval for each",
        ),
        (
            "resources: {g: {group: }}",
            "1: resources.g.group: is empty; allowed: at least one primitive",
        ),
        (
            "resources: {g: {group: [web]}}",
            "1: resources.g.group[0]: names 'web', which does not exist; "
            "allowed: none, as there is none yet",
        ),
        (
            "resources: {r: {agent: lsb:x}, g: {group: [r]}, h: {group: [r, g]}}",
            "1: resources.h.group[1]: names 'g', which is a group; allowed: r",
        ),
        (
            "resources: {r: {agent: lsb:x}, g: {group: [r]}, h: {group: r}}",
            "1: resources.h.group[0]: names 'r', a member of g already; "
            "allowed: one group for each primitive",
        ),
        (
            "resources: {r: {agent: lsb:x}, g: {group: [r, r]}}",
            "1: resources.g.group: 'r' stands there 2 times; allowed: once",
        ),
        (
            "resources: {r: {agent: lsb:x}, r: {agent: lsb:y}}",
            "1: resources.r: stands there twice (first in line 6); allowed: once",
        ),
        (
            "constraints: {c: {score: 1}}",
            f"1: constraints.c: has none of {KINDS}; allowed: a mapping with one of {KINDS}",
        ),
        (
            "fence_devices: {d: {}}",
            "1: fence_devices.d: has no 'agent', which it needs",
        ),
        (
            "fence_devices: {d: {agent: 'fence:x', targets: [n1, n3]}}",
            "1: fence_devices.d.targets[1]: names the node 'n3', which does not exist; "
            "allowed: n1, n2, w",
        ),
        (
            "fence_devices: {d: {agent: fence_apc}}",
            f"1: fence_devices.d.agent: is 'fence_apc'; allowed: {AGENT_ALLOWED}",
        ),
        (
            "fence_devices: {d: {agent: 'fence:x', timeouts: {kill: 5s}}}",
            "1: fence_devices.d.timeouts.kill: is the name 'kill'; allowed: one of off, on, reset, "
            "status, monitor, list, metadata",
        ),
        (
            "fence_devices: {d: {agent: 'fence:x', plugs: {n7: 3}}}",
            "1: fence_devices.d.plugs.n7: names the node 'n7', which does not exist; "
            "allowed: n1, n2, w",
        ),
        (
            "fence_devices: {d: {agent: 'fence:x', parameters: {port: 3}}}",
            "1: fence_devices.d.parameters.port: is given by the cluster for each call; "
            "allowed: plugs",
        ),
        (
            "fence_devices: {d: {agent: 'fence:x', parameters: {password_file: secret}}}",
            "1: fence_devices.d.parameters.password_file: is (hidden); allowed: the whole path of "
            "a file",
        ),
        (
            "resources: {r: {agent: lsb:x, operations: {monitor: {on_fail: fence}}}}",
            "1: resources.r.operations.monitor.on_fail: is fence, but there is no fence device; "
            "allowed: another word, or a device that cuts nodes off",
        ),
        (
            "defaults: {operation: {timeout: 8d}}",
            f"1: defaults.operation.timeout: is '8d'; allowed: a time of 10ms to 7d {TIME}",
        ),
        (
            "defaults: {resource: {accept_risk: yes}}",
            "1: defaults.resource.accept_risk: is an unknown key; allowed: target_role, managed, "
            "stickiness, priority, migration_threshold, failure_timeout, needs_connectivity, "
            f"prefers_connectivity, {FURTHER}",
        ),
    ],
    ids=lambda value: value[:60],
)
def test_fault_names_place_value_and_what_is_allowed(text: str, fault: str) -> None:
    assert fault in faults(text + "\n")


def test_a_list_with_a_fault_in_it_is_not_told_to_be_empty() -> None:
    text = "resources: {a: {agent: lsb:x}, b: {agent: lsb:y}}\n"
    found = faults(text + "constraints: {o: {order: [[[a]], b]}}\n")
    assert [fault for fault in found if "constraints" in fault] == [
        "2: constraints.o.order[0][0]: is a list; "
        "allowed: a text of at most 16384 characters, without null"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "ping: {targets: {a: [192.0.2.9, 1.2.3]}}",
            "ping.targets.a[1]: is the host '1.2.3'; allowed: an IPv4 or IPv6 address, or a name "
            "of letters, digits, dots and dashes",
        ),
        (
            "ping: {targets: {a: []}}",
            "ping.targets.a: is empty; allowed: at least one host",
        ),
        (
            "ping: {timeout: 300ms, interval: 200ms}",
            "ping.timeout: is 300 ms with an interval of 200 ms; allowed: two intervals or more, "
            "as one answer may be lost",
        ),
        ("ping: {multiplier: 0}", "ping.multiplier: is 0; allowed: 1 to 100000"),
        (
            "resources: {r: {agent: lsb:r}}\n"
            "constraints: {c: {rule: r, attribute: a, operation: lt}}",
            "constraints.c.value: is '' for the operation lt; allowed: with a value",
        ),
        (
            "constraints: {c: {rule: r, attribute: a, operation: defined}}",
            "constraints.c.rule: names the resource 'r', which does not exist; allowed: none, as "
            "there is none yet",
        ),
    ],
)
def test_ping_targets_and_rules_make_sense(text: str, fault: str) -> None:
    (found,) = faults_of_file(HEAD + text)
    assert found.partition(": ")[2] == fault


def test_service_address_belongs_to_one_resource() -> None:
    text = (
        "resources:\n"
        "  one: {agent: address, parameters: {address: '2001:db8::1'}}\n"
        "  two: {agent: address, parameters: {address: '2001:db8:0::1/64'}}\n"
    )
    assert faults(text) == [
        "3: resources.two.parameters.address: is 2001:db8::1, which one holds; "
        "allowed: an address of its own"
    ]


def test_faults_of_shape_and_of_rules_come_together_in_the_order_of_the_file() -> None:
    text = (
        "resources:\n"
        "  web: {agent: lsb:x, colour: red}\n"
        "  g: {group: [web, missing]}\n"
        "constraints:\n"
        "  c: {location: web, node: n9, score: high}\n"
    )
    assert [fault.split(" ")[1] for fault in faults(text)] == [
        "resources.web.colour:",
        "resources.g.group[1]:",
        "constraints.c.score:",
        "constraints.c.node:",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "resources: {r: {agent: nonsense, parameters: {x: 1}}, g: {group: [r]}}",
        "resources: {r: , g: {group: [r]}}",
        "resources: {r: {paramters: {}, agent: process}}",
        "resources: {r: {agent: lsb:x}, g: {group: [{}]}}",
        "resources: {r: {agent: lsb:x}}\nconstraints: {c: {order: r, then: [r]}}",
        "resources: {r: {agent: lsb:x, operations: {monitor: [{interval: x}]}}}",
        "constraints: {r: {rule: a, attribute: x, operation: like, value: v}}\n"
        "resources: {a: {agent: lsb:a}}",
    ],
)
def test_one_mistake_is_told_once_and_not_again_by_what_follows_from_it(text: str) -> None:
    assert len(faults(text + "\n")) == 1


def test_long_values_are_cut_in_messages() -> None:
    (found,) = faults(f"resources: {{r: {{agent: {'x' * 5_000}}}}}\n")
    assert f"is '{'x' * 57}...'; allowed:" in found
