"""The door lets in whom an invitation is for, and says why it lets in nobody else."""

import asyncio
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from ha_core.commands import AddNode, Command, Outcome
from ha_core.config.model import Configuration
from ha_core.errors import RefusedError
from ha_core.runtime.admission import Door, ask_in, invite
from ha_core.runtime.invitation import parse_token
from tests.fake_cluster import snapshot

PLACES = {"ring0": "127.0.0.1:7700"}


def joined(
    directory: Path,
    node: str,
    *names: str,
    is_old: bool = False,
    known: Mapping[str, int] = MappingProxyType({}),
    files: list[str] | None = None,
) -> tuple[list[str], list[Command]]:
    """Return what came of joining under each name with one token, and what the cluster was told.

    An earlier version (`is_old`) kept no name with the invitation. `known`: the newest starts that
    the log knows; `files`: gets the node files.
    """
    given: list[Command] = []

    async def submit(command: Command, _author: str) -> Outcome:
        given.append(command)
        return Outcome(revision=9)

    def configuration() -> Configuration:
        return snapshot().configuration

    door = Door(directory, lambda: "ring", submit, configuration, lambda name: known.get(name, 0))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        await door.answer(await reader.readexactly(length), reader, writer)

    async def body() -> list[str]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        token = parse_token(invite(directory, (("ring0", f"127.0.0.1:{port}"),), 60, node))
        if is_old:
            path = directory / token.id.hex()
            kept = json.loads(path.read_text())
            del kept["node"]
            path.write_text(json.dumps(kept))
        told = []
        async with server:
            for name in names:
                try:
                    welcome = await ask_in(token, name, PLACES)
                    told.append(f"at revision {welcome.revision}")
                    if files is not None:
                        files.append(welcome.node_file)
                except RefusedError as fault:
                    told.append(f"{fault.code}: {fault}")
        return told

    return asyncio.run(body()), given


def test_token_for_a_name_lets_in_no_other_and_is_not_used_up_by_that(tmp_path: Path) -> None:
    told, given = joined(tmp_path / "invitations", "n4", "h4", "n4", "n4")
    assert told[:2] == [
        "denied: the token is for node n4 and not for h4: join with --node n4",
        "at revision 9",
    ]
    assert "used or expired" in told[2]
    assert [each.node for each in given if isinstance(each, AddNode)] == ["n4"]


def test_name_that_was_there_before_begins_after_all_its_starts(tmp_path: Path) -> None:
    files: list[str] = []
    known = {"n4": 2_000_000_000}
    names = ("n4", "n5")
    for name in names:
        joined(tmp_path / name, "", name, known=known, files=files)
    assert "after_start: 2000001000\n" in files[0]
    assert "after_start" not in files[1]


def test_token_without_a_name_lets_in_any(tmp_path: Path) -> None:
    assert joined(tmp_path / "invitations", "", "h4")[0] == ["at revision 9"]


def test_invitation_of_an_earlier_version_is_for_any_name(tmp_path: Path) -> None:
    told, _ = joined(tmp_path / "invitations", "n4", "h4", is_old=True)
    assert told == ["at revision 9"]


def test_name_that_no_node_can_have_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"'N 4': expected lower-case"):
        invite(tmp_path, (), 60, "N 4")
    assert not list(tmp_path.iterdir())
