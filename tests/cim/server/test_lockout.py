"""Failures and the waits that they cost."""

from cim_provider.server.lockout import FORGET_S, FREE_FAILURES, HOLD_S_MAX, LockOut


def failed(lock: LockOut, times: int, now_s: float = 0.0) -> list[float]:
    return [lock.count("ann", now_s) for _ in range(times)]


def test_wait_doubles_after_the_free_failures_up_to_the_most() -> None:
    lock = LockOut()
    assert failed(lock, FREE_FAILURES) == [0.0] * FREE_FAILURES
    assert failed(lock, 8) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, HOLD_S_MAX, HOLD_S_MAX]
    assert lock.held_s("ann", 0.0) == HOLD_S_MAX
    assert lock.held_s("bob", 0.0) == 0.0


def test_quiet_time_and_a_right_password_clear_the_count() -> None:
    lock = LockOut()
    failed(lock, FREE_FAILURES + 1)
    assert failed(lock, 1, FORGET_S + 1) == [0.0]
    failed(lock, FREE_FAILURES + 1)
    lock.forget("ann")
    assert lock.held_s("ann", 0.0) == 0.0
    assert failed(lock, 1) == [0.0]


def test_remembered_keys_are_bounded_and_the_oldest_goes_first() -> None:
    lock = LockOut(keys_max=2)
    failed(lock, FREE_FAILURES + 1)
    lock.count("bob", 0.0)
    assert lock.held_s("ann", 0.0) == 1.0
    lock.count("carl", 0.0)
    assert lock.held_s("ann", 0.0) == 0.0
