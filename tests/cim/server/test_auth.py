"""Users, passwords, and what guessing costs."""

import asyncio
import stat
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cim_provider.server.auth import (
    FREE_FAILURES,
    HOLD_S_MAX,
    WAITING_MAX,
    Authenticator,
    Denied,
    Identity,
)
from cim_provider.server.users import (
    Cost,
    Role,
    User,
    UserFile,
    UsersError,
    check_name,
    hash_password,
    parse_users,
)

CHEAP = Cost(n=16, r=1, p=1)
PEER = "192.0.2.1"


@pytest.fixture
def users(tmp_path: Path) -> UserFile:
    file = UserFile(tmp_path / "cimd" / "users")
    file.put(User("ann", hash_password(b"sesame", CHEAP)))
    file.put(User("bob", hash_password("gr\u00fc\u00df".encode(), CHEAP), Role.OBSERVER))
    return file


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def run(
    users: UserFile,
    test: Callable[[Authenticator], Awaitable[None]],
    clock: Callable[[], float] = lambda: 0.0,
) -> None:
    authenticator = Authenticator(users, clock)

    async def bounded() -> None:
        async with asyncio.timeout(10):
            await test(authenticator)

    try:
        asyncio.run(bounded())
    finally:
        authenticator.close()


def test_file_keeps_no_password_and_is_for_its_owner_alone(users: UserFile) -> None:
    text = users.path.read_text()
    assert "sesame" not in text
    assert text.startswith("ann:scrypt$16$1$1$")
    assert text.splitlines()[1].endswith(":observer")
    assert stat.S_IMODE(users.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(users.path.parent.stat().st_mode) == 0o700


def test_equal_passwords_have_different_hashes() -> None:
    assert str(hash_password(b"a", CHEAP)) != str(hash_password(b"a", CHEAP))


def test_default_cost_is_bearable_and_fits_itself() -> None:
    kept = hash_password(b"sesame")
    assert kept.fits(b"sesame")
    assert not kept.fits(b"Sesame")


def test_file_that_others_may_read_is_refused_with_the_cure(users: UserFile) -> None:
    users.path.chmod(0o640)
    with pytest.raises(UsersError, match="mode 0640, expected 0600: chmod 600"):
        users.read()


def test_missing_file_holds_nobody(tmp_path: Path) -> None:
    assert UserFile(tmp_path / "users").read() == {}


def test_users_are_replaced_and_removed(users: UserFile) -> None:
    users.put(User("ann", hash_password(b"new", CHEAP)))
    users.remove("bob")
    found = users.read()
    assert list(found) == ["ann"]
    assert found["ann"].password.fits(b"new")
    with pytest.raises(UsersError, match="no user 'bob'; known are: ann"):
        users.remove("bob")


@pytest.mark.parametrize("name", ["", "a:b", "a b", "-a", "x" * 65, "a\n", "\u00e4"])
def test_names_that_a_header_cannot_carry_are_refused(name: str) -> None:
    with pytest.raises(UsersError, match="user name"):
        check_name(name)


@pytest.mark.parametrize("password", [b"", b"x" * 1025])
def test_password_that_is_empty_or_endless_is_refused(password: bytes) -> None:
    with pytest.raises(UsersError, match=r"expected 1\.\.1024"):
        hash_password(password, CHEAP)


@pytest.mark.parametrize(
    "line",
    [
        "ann",
        "ann:plain",
        "ann:scrypt$15$1$1$YWFh$YWFh",
        "ann:scrypt$16$1$1$YWFh$YWFh",
        "ann:scrypt$16$1$1$====$YWFh",
        "ann:scrypt$1048576$8$1$YWFh$" + b64encode(b"x" * 32).decode(),
        "ann:scrypt$16$1$17$YWFh$" + b64encode(b"x" * 32).decode(),
        "ann:scrypt$16$1$1$YWFh$" + b64encode(b"x" * 32).decode() + ":admin",
    ],
)
def test_line_that_is_no_user_is_refused_by_its_place_alone(line: str) -> None:
    with pytest.raises(UsersError, match="users:1") as refused:
        parse_users(line, "users")
    assert "YWFh" not in str(refused.value)


def test_right_password_gives_name_and_role(users: UserFile) -> None:
    async def test(authenticator: Authenticator) -> None:
        ann = await authenticator.authenticate(basic("ann", "sesame"), PEER)
        assert ann == Identity("ann", Role.OPERATOR)
        bob = await authenticator.authenticate(basic("bob", "gr\u00fc\u00df"), PEER)
        assert bob == Identity("bob", Role.OBSERVER)

    run(users, test)


@pytest.mark.parametrize(
    "header", [None, basic("ann", "wrong"), basic("eve", "sesame"), basic("ann", ""), "Basic /w=="]
)
def test_anything_else_is_challenged(users: UserFile, header: str | None) -> None:
    async def test(authenticator: Authenticator) -> None:
        verdict = await authenticator.authenticate(header, PEER)
        assert verdict == Denied(401, (("WWW-Authenticate", 'Basic realm="beatkeeper"'),))

    run(users, test)


def test_changed_password_ends_the_old_one_at_once(users: UserFile) -> None:
    async def test(authenticator: Authenticator) -> None:
        header = basic("ann", "sesame")
        assert isinstance(await authenticator.authenticate(header, PEER), Identity)
        users.put(User("ann", hash_password(b"another", CHEAP)))
        assert isinstance(await authenticator.authenticate(header, PEER), Denied)
        users.remove("ann")
        header = basic("ann", "another")
        assert isinstance(await authenticator.authenticate(header, PEER), Denied)

    run(users, test)


def test_file_that_becomes_unreadable_lets_nobody_in_until_it_is_mended(users: UserFile) -> None:
    async def test(authenticator: Authenticator) -> None:
        header, kept = basic("ann", "sesame"), users.path.read_text()
        assert isinstance(await authenticator.authenticate(header, PEER), Identity)
        users.path.write_text("nonsense\n")
        assert await authenticator.authenticate(header, PEER) == Denied(500)
        users.path.write_text(kept)
        assert isinstance(await authenticator.authenticate(header, PEER), Identity)

    run(users, test)


def test_repeated_failures_hold_up_their_address_longer_and_longer(users: UserFile) -> None:
    now = [0.0]

    async def test(authenticator: Authenticator) -> None:
        async def status(password: str, peer: str = PEER) -> int:
            verdict = await authenticator.authenticate(basic("ann", password), peer)
            return verdict.status if isinstance(verdict, Denied) else 200

        assert await status("sesame", "192.0.2.9") == 200
        assert [await status(f"guess {n}") for n in range(FREE_FAILURES)] == [401] * FREE_FAILURES
        held = []
        for n in range(10):
            start = now[0]
            while await status(f"more {n}") == 429:
                now[0] += 1.0
            held.append(now[0] - start)
        assert held[:4] == [0.0, 1.0, 2.0, 4.0]
        assert max(held) == HOLD_S_MAX
        assert await status("sesame") == 200, "known good credentials are never held up"
        assert await status("other", "192.0.2.2") == 401, "nor are other addresses"

    run(users, test, lambda: now[0])


def test_comparisons_in_the_queue_are_bounded(users: UserFile) -> None:
    async def test(authenticator: Authenticator) -> None:
        verdicts = await asyncio.gather(
            *(
                authenticator.authenticate(basic("ann", f"guess {n}"), f"192.0.2.{n}")
                for n in range(WAITING_MAX + 5)
            )
        )
        statuses = [verdict.status for verdict in verdicts if isinstance(verdict, Denied)]
        assert statuses.count(503) == 5
        assert statuses.count(401) == WAITING_MAX

    run(users, test)
