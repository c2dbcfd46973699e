"""Events of single resources say what happened, in words for people."""

from ha_core.config.model import AgentClass, AgentRef, Primitive
from ha_core.policy.transition import ActionKind
from tests.core.transition.local_bench import WEB, Bench

SERVICE = Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "/bin/true"),))


def test_death_that_the_guardian_saw_is_no_failed_monitor() -> None:
    bench = Bench(SERVICE)
    bench.start()
    reason = "process 13543 was killed by signal 9 (SIGKILL)"
    bench.out = list(bench.local.died(WEB, reason, 5000, lease_held=True))
    assert bench.events() == [f"web ended unexpectedly: {reason}"]


def test_stop_that_had_to_kill_says_so() -> None:
    bench = Bench(SERVICE)
    bench.start()
    bench.order(ActionKind.STOP)
    reason = "it did not end within 5000 ms and was killed"
    bench.done(0, reason=reason, duration_ms=5003)
    assert bench.events() == [f"web was stopped in 5003 ms: {reason}"]


def test_stop_says_nothing_of_an_agent_s_chatter() -> None:
    bench = Bench()
    bench.start()
    bench.order(ActionKind.STOP)
    bench.done(0, reason="bye", duration_ms=3)
    assert bench.events() == ["web was stopped in 3 ms"]


def test_stop_after_a_failed_start_does_not_claim_that_it_had_run() -> None:
    bench = Bench(SERVICE)
    bench.order(ActionKind.START)
    bench.done(5, reason="command is not installed")
    bench.order(ActionKind.STOP)
    bench.done(0, duration_ms=12)
    assert bench.events() == ["what the failed start of web may have left was stopped in 12 ms"]


def test_start_that_the_lease_ended_says_it_without_the_word_lease() -> None:
    bench = Bench(SERVICE)
    bench.order(ActionKind.START)
    bench.lease_until_ms = 0
    bench.done(1)
    assert bench.events() == [
        "start of web was cut off: this node had lost contact with the cluster"
    ]
