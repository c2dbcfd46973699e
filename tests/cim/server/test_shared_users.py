"""Users of all nodes: each node's file takes every change once, in order, and none is lost."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.server.layout import ServerLayout
from cim_provider.server.leaving import forget_cluster
from cim_provider.server.role import Role
from cim_provider.server.shared_users import (
    REMOVED_MAX,
    TABLE,
    SharedUsers,
    UserKeeper,
    read_table,
    set_user,
    table_text,
    take,
)
from cim_provider.server.users import (
    USERS_MAX,
    Cost,
    Proof,
    User,
    UserFile,
    UsersError,
    hash_password,
    known_user,
    line_of,
)
from tests.cim.indications.rig import until

CHEAP = Cost(2, 1, 1)
FIRST, SECOND = "a" * 64, "b" * 64


class FakeCluster:
    """Implements `Sharing`; `why` is what keeps it from being told."""

    def __init__(self) -> None:
        self.kept = SharedUsers()
        self.why = ""

    def table(self) -> SharedUsers | str:
        return self.why or self.kept

    def share(self, name: str, user: User | None, known: SharedUsers) -> SharedUsers | str:
        if self.why:
            return self.why
        self.kept = self.kept.changed(name, user, known)
        return self.kept

    def set(self, name: str, user: User | None) -> None:
        """Change a user as another node does."""
        self.kept = changed(self.kept, name, user)


def changed(table: SharedUsers, name: str, user: User | None) -> SharedUsers:
    return table.changed(name, user, table)


def user(name: str, role: Role = Role.VIEW, certificates: tuple[str, ...] = ()) -> User:
    return User(name, hash_password(b"sesame", CHEAP), role, certificates)


@pytest.fixture
def here(tmp_path: Path) -> UserFile:
    return UserFile(tmp_path / "here" / "users")


@pytest.fixture
def there(tmp_path: Path) -> UserFile:
    return UserFile(tmp_path / "there" / "users")


def test_user_set_on_one_node_is_on_all(here: UserFile, there: UserFile) -> None:
    cluster, ann = FakeCluster(), user("ann", Role.OPERATE, (FIRST,))
    assert set_user(here, "ann", lambda _: ann, cluster) == ""
    assert take(there, cluster.kept) == ("ann",)
    assert here.read() == there.read() == {"ann": ann}
    assert take(there, cluster.kept) == ()


def test_user_removed_on_one_node_is_removed_on_one_that_was_away(
    here: UserFile, there: UserFile
) -> None:
    cluster = FakeCluster()
    set_user(here, "ann", lambda _: user("ann"), cluster)
    set_user(here, "bob", lambda _: user("bob"), cluster)
    take(there, cluster.kept)
    set_user(here, "ann", lambda _: None, cluster)
    assert take(there, cluster.kept) == ("ann",)
    assert set(there.read()) == {"bob"}


def test_change_on_one_node_alone_stays_until_the_user_is_changed_for_all(here: UserFile) -> None:
    cluster = FakeCluster()
    set_user(here, "ann", lambda _: user("ann"), cluster)
    set_user(here, "ann", lambda known: replace(known["ann"], role=Role.ADMINISTER), None)
    set_user(here, "bob", lambda _: user("bob"), cluster)
    assert here.read()["ann"].role is Role.ADMINISTER
    cluster.set("ann", user("ann", Role.OPERATE))
    take(here, cluster.kept)
    assert here.read()["ann"].role is Role.OPERATE


def test_node_that_cannot_tell_the_others_changes_its_own_file_and_says_why(here: UserFile) -> None:
    cluster = FakeCluster()
    cluster.why = "its daemon does not answer"
    assert set_user(here, "ann", lambda _: user("ann"), cluster) == cluster.why
    assert set(here.read()) == {"ann"}
    assert set_user(here, "ann", lambda _: None, cluster) == cluster.why
    assert here.read() == {}


def test_what_another_node_did_meanwhile_counts_before_a_change_is_judged(
    here: UserFile,
) -> None:
    cluster = FakeCluster()
    cluster.set("ann", user("ann"))

    def make(users: Mapping[str, User]) -> User:
        return replace(known_user(users, "ann"), role=Role.OPERATE)

    assert set_user(here, "ann", make, cluster) == ""
    assert here.read()["ann"].role is Role.OPERATE


def test_two_changes_of_one_user_at_one_time_are_never_half_lost(here: UserFile) -> None:
    cluster = FakeCluster()
    set_user(here, "ann", lambda _: user("ann"), cluster)
    new = hash_password(b"new", CHEAP)

    def make(users: Mapping[str, User]) -> User:
        cluster.set("ann", replace(users["ann"], password=new))  # elsewhere, at this very moment
        return replace(users["ann"], role=Role.OPERATE)

    with pytest.raises(UsersError, match="changed on another node meanwhile"):
        set_user(here, "ann", make, cluster)
    take(here, cluster.kept)
    assert (here.read()["ann"].password, here.read()["ann"].role) == (new, Role.VIEW)


def test_older_table_is_not_taken_for_a_newer_one(here: UserFile) -> None:
    cluster = FakeCluster()
    set_user(here, "bob", lambda _: user("bob"), cluster)
    older = cluster.kept
    set_user(here, "ann", lambda _: user("ann"), cluster)
    take(here, older)
    set_user(here, "ann", lambda known: replace(known["ann"], role=Role.ADMINISTER), None)
    take(here, cluster.kept)
    assert here.read()["ann"].role is Role.ADMINISTER  # what was done here since stays


def test_change_that_is_refused_changes_nothing_anywhere(here: UserFile) -> None:
    cluster = FakeCluster()
    set_user(here, "ann", lambda _: user("ann", certificates=(FIRST,)), cluster)
    before, known = here.read(), cluster.kept
    with pytest.raises(UsersError, match="is on record for 'ann' and 'bob'"):
        set_user(here, "bob", lambda _: user("bob", certificates=(FIRST,)), cluster)
    assert (here.read(), cluster.kept) == (before, known)


def test_certificate_of_a_user_of_one_node_goes_to_the_one_of_all_nodes(there: UserFile) -> None:
    there.put(User("old", Proof.NONE, Role.VIEW, (FIRST, SECOND)))
    take(there, changed(SharedUsers(), "new", User("new", Proof.NONE, Role.VIEW, (FIRST,))))
    found = there.read()
    assert found["new"].certificates == (FIRST,)
    assert found["old"].certificates == (SECOND,)


def test_table_of_another_cluster_is_taken_from_its_beginning(here: UserFile) -> None:
    old, new = FakeCluster(), FakeCluster()
    for name in ("ann", "bob", "carl"):
        set_user(here, name, lambda _, name=name: user(name), old)
    new.set("dan", user("dan"))
    set_user(here, "eve", lambda _: user("eve"), None)
    assert take(here, new.kept) == ("dan",)
    assert set(here.read()) == {"dan", "eve"}, "who was let in by another cluster is gone"
    assert here.shared() == {"dan"}


def test_users_of_a_cluster_go_with_it_and_those_of_the_node_alone_stay(here: UserFile) -> None:
    cluster = FakeCluster()
    assert here.forget_cluster() == ()
    assert not here.path.exists()
    set_user(here, "eve", lambda _: user("eve"), None)
    assert here.forget_cluster() == ()
    for name in ("ann", "bob"):
        set_user(here, name, lambda _, name=name: user(name), cluster)
    set_user(here, "bob", lambda _: user("bob", Role.ADMINISTER), None)
    assert here.shared() == {"ann", "bob"}, "a new password here does not change that"
    assert here.forget_cluster() == ("ann", "bob")
    assert set(here.read()) == {"eve"}
    assert (here.mark().id, here.shared()) == ("", set())


def test_file_of_an_earlier_version_does_not_tell_and_all_its_users_go(here: UserFile) -> None:
    cluster = FakeCluster()
    for name in ("ann", "bob"):
        set_user(here, name, lambda _, name=name: user(name), cluster)
    lines = here.path.read_text().splitlines(keepends=True)
    here.path.write_text("".join(line for line in lines if "of the cluster" not in line))
    assert here.forget_cluster() == ("ann", "bob")


def test_what_is_left_of_a_cluster_is_told_where_it_cannot_be_removed(tmp_path: Path) -> None:
    file = UserFile(ServerLayout(tmp_path).users_file)
    set_user(file, "ann", lambda _: user("ann"), FakeCluster())
    file.path.chmod(0o644)
    told = forget_cluster(tmp_path)
    assert isinstance(told, str)
    assert told.startswith(f"users of the cluster are left in {file.path}: {file.path} has mode")
    file.path.chmod(0o600)
    assert forget_cluster(tmp_path) == ("no users of its WBEM server any more: ann",)


def test_table_is_bounded_and_forgets_the_oldest_removed_alone() -> None:
    table = SharedUsers()
    for number in range(USERS_MAX):
        table = changed(table, f"user{number}", User(f"user{number}", Proof.PAM))
    with pytest.raises(UsersError, match="remove one first"):
        changed(table, "another", User("another", Proof.PAM))
    other = changed(table, "user7", User("user7", Proof.PAM, Role.OPERATE))
    assert len(other.changes) == USERS_MAX
    for number in range(USERS_MAX):
        table = changed(table, f"user{number}", None)
    table = changed(changed(table, "one", User("one", Proof.PAM)), "one", None)
    removed = [item.name for item in table.changes]
    assert len(removed) <= REMOVED_MAX + 1
    assert removed[-1] == "one"


def test_text_of_a_table_reads_as_the_table_and_nonsense_is_told_without_a_line_of_it() -> None:
    table = changed(SharedUsers(), "ann", user("ann"))
    assert read_table(table_text(table)) == table
    assert read_table("") == SharedUsers()
    with pytest.raises(UsersError, match="cannot be read") as told:
        read_table(table_text(table).replace('"number":1', '"number":"x"'))
    assert line_of(user("ann"))[:20] not in str(told.value)


def test_running_server_takes_what_is_written_to_the_shelf(here: UserFile, tmp_path: Path) -> None:
    async def test() -> None:
        shelf = SqliteShelf(tmp_path / "shelf.db")
        task = asyncio.create_task(UserKeeper(here, shelf).run())
        table = SharedUsers()
        for name in ("ann", "bob"):
            table = changed(table, name, user(name))
            await shelf.write({TABLE: table_text(table)}, {})
            await until(lambda name=name: name in here.read())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(test())


def test_server_that_could_not_take_a_change_tries_again(
    here: UserFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        shelf = SqliteShelf(tmp_path / "shelf.db")
        here.put(user("ann"))
        here.path.chmod(0o644)  # refused until somebody mends it
        task = asyncio.create_task(UserKeeper(here, shelf, again_s=0.01).run())
        table = changed(SharedUsers(), "ann", None)
        await shelf.write({TABLE: table_text(table)}, {})
        await until(lambda: "users of all nodes are not taken" in caplog.text)
        here.path.chmod(0o600)
        await until(lambda: here.read() == {})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(test())
