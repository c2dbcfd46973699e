"""Destinations that are files, and filters that are always there."""

import asyncio
from pathlib import Path

import pytest
import pywbem

from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.export import Policy, UrlError
from cim_provider.indications.files import FILE_BYTES_MAX, FileSender, path_of
from cim_provider.wbem import operations
from tests.cim.indications.rig import (
    INTEROP,
    Node,
    destination_of,
    listening,
    run,
    subscription_of,
    until,
)
from tests.cim.mapping.views import cluster

NOT_SUPPORTED = 7


@pytest.mark.parametrize("url", ["file://linuxha_indication.log", "FILE://a_b-1.log"])
def test_names_of_files_that_may_be(tmp_path: Path, url: str) -> None:
    assert path_of(url, tmp_path) == tmp_path / url[7:]
    assert path_of(f"file://{tmp_path}/{url[7:]}", tmp_path) == tmp_path / url[7:]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        ".hidden",
        "a b",
        "a/",
        "x" * 200,
        "a\x00b",
        "%2e%2e",
    ],
)
def test_names_of_files_that_may_not_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(UrlError):
        path_of(f"file://{name}", tmp_path)


def test_without_a_directory_no_file_takes_anything() -> None:
    with pytest.raises(UrlError, match="listener_files"):
        path_of("file://a.log", None)


def sent(path: Path, directory: Path) -> tuple[bool, str]:
    """Return what becomes of one message to a file."""
    delivery = asyncio.run(FileSender(f"file://{path.name}", directory).send("<INSTANCE/>"))
    return delivery.is_taken, delivery.text


def test_messages_are_appended_whole(tmp_path: Path) -> None:
    file = tmp_path / "there" / "a.log"
    assert sent(file, file.parent) == (True, "")
    assert sent(file, file.parent) == (True, "")
    text = file.read_text()
    assert text.count('<EXPMETHODCALL NAME="ExportIndication">') == 2
    assert text.endswith("</CIM>\n")


def test_links_and_what_is_no_plain_file_are_never_written(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    directory = tmp_path / "allowed"
    directory.mkdir()
    (directory / "soft").symlink_to(victim)
    (directory / "hard").hardlink_to(victim)
    (directory / "folder").mkdir()
    for name in ("soft", "hard", "folder"):
        is_taken, text = sent(directory / name, directory)
        assert not is_taken
        assert text
    (tmp_path / "other").symlink_to(directory, target_is_directory=True)
    assert not sent(tmp_path / "other" / "new", tmp_path / "other")[0]
    assert victim.read_text() == "untouched"


def test_a_file_has_a_bound(tmp_path: Path) -> None:
    with open(tmp_path / "a.log", "wb") as file:
        file.truncate(FILE_BYTES_MAX)
    is_taken, text = sent(tmp_path / "a.log", tmp_path)
    assert not is_taken
    assert "move it away" in text


async def refusal(node: Node, operation: operations.Operation) -> int:
    """Return the status with which an operation is refused."""
    with pytest.raises(pywbem.CIMError) as caught:
        await node.perform(operation)
    return int(caught.value.status_code)


def test_a_file_is_a_destination_like_any_other(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        files = tmp_path / "listeners"
        node = Node(engine, tmp_path, policy=Policy(files=files))
        await node.subscribe("file://linuxha_indication.log", "SELECT * FROM LinuxHA_Indication")
        engine.happened("node-lost", "n2", "n2 is lost")
        await until(lambda: (files / "linuxha_indication.log").exists())
        await until(lambda: "n2 is lost" in (files / "linuxha_indication.log").read_text())
        await node.stop()

    run(work)


def test_static_filters_can_be_subscribed_to_and_not_be_changed(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        answer = await node.perform(
            operations.EnumerateInstanceNames(INTEROP, "CIM_IndicationFilter")
        )
        assert isinstance(answer, operations.Paths)
        filters = {str(path["Name"]): path for path in answer.items}
        assert set(filters) == {
            f"HA:{name}"
            for name in (
                "Alerts",
                "CriticalAlerts",
                "JobChange",
                "NodeChange",
                "RedundancyChange",
                "ResourceChange",
            )
        }
        for path in filters.values():
            path.namespace = INTEROP
        with listening() as listener:
            destination = await node.create(destination_of(listener.url))
            await node.create(subscription_of(filters["HA:CriticalAlerts"], destination))
            engine.happened("node-joined", "n2", "nothing critical")
            engine.happened("node-lost", "n2", "n2 is lost")
            await listener.wait(1)
            assert [each["Message"] for each in listener.got] == ["n2 is lost"]
            assert listener.got[0]["IndicationFilterName"] == "HA:CriticalAlerts"
        gone = operations.DeleteInstance(INTEROP, filters["HA:Alerts"])
        assert await refusal(node, gone) == NOT_SUPPORTED
        other = pywbem.CIMInstance(
            "CIM_IndicationFilter",
            {"Query": "SELECT * FROM CIM_Indication"},
            path=filters["HA:Alerts"],
        )
        assert await refusal(node, operations.ModifyInstance(INTEROP, other)) == NOT_SUPPORTED
        await node.stop()

    run(work)
