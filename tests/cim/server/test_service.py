"""The server put together: what it records of itself."""

import asyncio
import json
from pathlib import Path

import pytest

from cim_provider.engines.memory import MemoryEngine
from cim_provider.server.service import make_performer, record
from cim_provider.wbem.operations import (
    EnumerateInstanceNames,
    OpenEnumeration,
    Opening,
    Page,
    Pull,
    PullKind,
)
from tests.cim.mapping.views import MODEL, cluster


def test_addresses_are_recorded_for_scripts(tmp_path: Path) -> None:
    path = tmp_path / "run" / "cimd.json"
    record(path, {"https": "https://127.0.0.1:5989"})
    assert json.loads(path.read_text()) == {"https": "https://127.0.0.1:5989"}
    assert [item.name for item in path.parent.iterdir()] == ["cimd.json"]


def test_a_directory_that_cannot_be_used_does_not_keep_the_server_from_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_text("in the way")
    with caplog.at_level("INFO"):
        record(tmp_path / "run" / "cimd.json", {"https": "https://127.0.0.1:5989"})
    assert "cimd.json is not written" in caplog.text


def test_the_server_as_it_is_put_together_offers_answers_in_parts() -> None:
    async def pulled() -> list[Page]:
        performer = make_performer(MemoryEngine(cluster()), "host.example")
        read = EnumerateInstanceNames(MODEL, "HA_ClusterNode")
        opened = OpenEnumeration(MODEL, read, Opening(objects_max=1))
        first = await performer.perform(opened, "ann")
        assert isinstance(first, Page)
        rest = await performer.perform(Pull(MODEL, PullKind.PATHS, first.context, 10), "ann")
        assert isinstance(rest, Page)
        return [first, rest]

    first, rest = asyncio.run(pulled())
    assert (len(first.objects.items), len(rest.objects.items), rest.is_end) == (1, 3, True)
    assert len(first.context) >= 32, "a context cannot be guessed"
