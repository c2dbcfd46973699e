"""Users, passwords, and what guessing costs."""

import asyncio
import stat
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cim_provider.server.auth import (
    PAM_TRUSTED_S,
    WAITING_MAX,
    Authenticator,
    Denied,
    Identity,
    PeerCertificate,
)
from cim_provider.server.lockout import FREE_FAILURES, HOLD_S_MAX
from cim_provider.server.roles import Role
from cim_provider.server.users import (
    Cost,
    Proof,
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
    file.put(User("ann", hash_password(b"sesame", CHEAP), Role.OPERATE))
    file.put(User("bob", hash_password("gr\u00fc\u00df".encode(), CHEAP), Role.VIEW))
    return file


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


class StandInForPam:
    """Knows one password, which a test may change; counts how often it is asked."""

    def __init__(self, password: bytes) -> None:
        self.password = password
        self.asked: list[str] = []
        self.is_down = False

    async def fits(self, name: str, password: bytes) -> bool:
        """See `PasswordService`."""
        self.asked.append(name)
        if self.is_down:
            raise ConnectionRefusedError("nobody listens")
        return password == self.password


def run(
    users: UserFile,
    test: Callable[[Authenticator], Awaitable[None]],
    clock: Callable[[], float] = lambda: 0.0,
    pam: StandInForPam | None = None,
) -> None:
    authenticator = Authenticator(users, clock, pam)

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
    assert text.splitlines()[1].endswith(":view")
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
        "ann:none:view:YWFh",
        "ann:none:view:" + ",".join(["ab" * 32] * 17),
        "ann:none:view:" + "AB" * 32,
    ],
)
def test_line_that_is_no_user_is_refused_by_its_place_alone(line: str) -> None:
    with pytest.raises(UsersError, match="users:1") as refused:
        parse_users(line, "users")
    assert "YWFh" not in str(refused.value)


def test_right_password_gives_name_and_role(users: UserFile) -> None:
    async def test(authenticator: Authenticator) -> None:
        ann = await authenticator.authenticate(basic("ann", "sesame"), PEER)
        assert ann == Identity("ann", Role.OPERATE, PEER)
        bob = await authenticator.authenticate(basic("bob", "gr\u00fc\u00df"), PEER)
        assert bob == Identity("bob", Role.VIEW, PEER)

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
            # A name of each own: here the address is what counts.
            name = "ann" if password == "sesame" else password
            verdict = await authenticator.authenticate(basic(name, password), peer)
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


def test_console_that_opens_many_connections_at_once_is_let_in_on_all(users: UserFile) -> None:
    async def test(authenticator: Authenticator) -> None:
        header = basic("ann", "sesame")
        verdicts = await asyncio.gather(
            *(authenticator.authenticate(header, PEER) for _ in range(4 * WAITING_MAX))
        )
        assert verdicts == [Identity("ann", Role.OPERATE, PEER)] * 4 * WAITING_MAX

    run(users, test)


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


def test_guesses_at_one_user_from_many_addresses_hold_that_user_up_and_no_other(
    users: UserFile,
) -> None:
    async def test(authenticator: Authenticator) -> None:
        async def status(name: str, password: str, peer: str) -> int:
            verdict = await authenticator.authenticate(basic(name, password), peer)
            return verdict.status if isinstance(verdict, Denied) else 200

        assert await status("ann", "sesame", "192.0.2.200") == 200
        for n in range(FREE_FAILURES + 1):
            assert await status("ann", f"guess {n}", f"192.0.2.{n}") == 401
        assert await status("ann", "guess", "192.0.2.99") == 429
        assert await status("ann", "sesame ", "192.0.2.200") == 401, "its own address is spared"
        assert await status("bob", "gr\u00fc\u00df", "192.0.2.99") == 200

    run(users, test)


def test_guesses_at_a_name_that_nobody_has_are_held_up_alike(users: UserFile) -> None:
    async def test(authenticator: Authenticator) -> None:
        statuses = []
        for n in range(FREE_FAILURES + 2):
            verdict = await authenticator.authenticate(basic("eve", f"{n}"), f"192.0.2.{n}")
            assert isinstance(verdict, Denied)
            statuses.append(verdict.status)
        assert statuses == [401] * (FREE_FAILURES + 1) + [429]

    run(users, test)


def test_version_changes_with_the_file_and_not_without(users: UserFile) -> None:
    async def test(authenticator: Authenticator) -> None:
        first = authenticator.version()
        assert authenticator.version() == first
        users.put(replace(users.read()["ann"], role=Role.VIEW))
        assert authenticator.version() != first

    run(users, test)


def test_user_of_pam_is_asked_for_there_and_has_its_role_here(users: UserFile) -> None:
    now, pam = [0.0], StandInForPam(b"unix")
    users.put(User("carl", Proof.PAM, Role.ADMINISTER))

    async def test(authenticator: Authenticator) -> None:
        good = basic("carl", "unix")
        for _ in range(2):
            verdict = await authenticator.authenticate(good, PEER)
            assert verdict == Identity("carl", Role.ADMINISTER, PEER)
        assert pam.asked == ["carl"], "what PAM has accepted is good for a while"
        assert isinstance(await authenticator.authenticate(basic("carl", "x"), PEER), Denied)
        before, pam.password = authenticator.version(), b"another"
        now[0] += PAM_TRUSTED_S
        assert authenticator.version() != before
        assert isinstance(await authenticator.authenticate(good, PEER), Denied)
        pam.is_down = True
        verdict = await authenticator.authenticate(good, PEER)
        assert isinstance(verdict, Denied)
        assert verdict.status == 503

    run(users, test, lambda: now[0], pam)


def test_user_of_pam_cannot_come_in_where_pam_is_off(users: UserFile) -> None:
    users.put(User("carl", Proof.PAM, Role.ADMINISTER))

    async def test(authenticator: Authenticator) -> None:
        assert isinstance(await authenticator.authenticate(basic("carl", "unix"), PEER), Denied)

    run(users, test)


def test_certificate_stands_for_its_user_by_name_or_by_fingerprint_alone(users: UserFile) -> None:
    ours, theirs = "ab" * 32, "cd" * 32
    users.put(User("carl", Proof.NONE, Role.OPERATE, (ours,)))

    async def test(authenticator: Authenticator) -> None:
        async def name(fingerprint: str, common_name: str, header: str | None = None) -> str:
            certificate = PeerCertificate(fingerprint, common_name)
            verdict = await authenticator.authenticate(header, PEER, certificate)
            return "" if isinstance(verdict, Denied) else verdict.name

        assert await name(ours, "somebody") == "carl"
        assert await name(theirs, "ann") == "ann"
        assert await name(theirs, "carl") == "", "who has one on record is known by it alone"
        assert await name(theirs, "eve") == ""
        assert await name(theirs, "eve", basic("ann", "sesame")) == "ann", "Basic stays possible"
        users.put(replace(users.read()["carl"], certificates=()))
        assert await name(ours, "somebody") == ""

    run(users, test)


def test_role_of_the_first_releases_is_still_read() -> None:
    kept = str(hash_password(b"x", CHEAP))
    text = f"ann:{kept}\nbob:{kept}:observer\ncarl:{kept}:operator\n"
    roles = [user.role for user in parse_users(text, "users").values()]
    assert roles == [Role.OPERATE, Role.VIEW, Role.OPERATE]


def test_pam_that_hangs_holds_up_nobody_whose_password_is_here(users: UserFile) -> None:
    users.put(User("carl", Proof.PAM, Role.VIEW))

    class Hanging(StandInForPam):
        async def fits(self, name: str, password: bytes) -> bool:
            self.asked.append(name)
            if len(self.asked) == WAITING_MAX:
                all_ask.set()
            await asyncio.Event().wait()
            return False

    pam, all_ask = Hanging(b""), asyncio.Event()

    async def test(authenticator: Authenticator) -> None:
        asking = [
            asyncio.create_task(authenticator.authenticate(basic("carl", f"{n}"), f"192.0.2.{n}"))
            for n in range(WAITING_MAX)
        ]
        await all_ask.wait()
        more = await authenticator.authenticate(basic("carl", "more"), PEER)
        assert isinstance(more, Denied)
        assert more.status == 503
        verdict = await authenticator.authenticate(basic("ann", "sesame"), PEER)
        assert isinstance(verdict, Identity)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    run(users, test, pam=pam)


def test_certificate_is_on_record_for_one_user_alone(users: UserFile) -> None:
    one, two = ("ab" * 32,), ("ab" * 32, "cd" * 32)
    users.put(User("carl", Proof.NONE, Role.VIEW, one))
    before = users.path.read_text()
    with pytest.raises(UsersError, match="on record for 'carl' and 'dan'"):
        users.put(User("dan", Proof.NONE, Role.ADMINISTER, two))
    assert users.path.read_text() == before
    with pytest.raises(UsersError, match="it can stand for one of them"):
        parse_users(f"carl:none:view:{one[0]}\ndan:none:view:{one[0]}\n", "users")
