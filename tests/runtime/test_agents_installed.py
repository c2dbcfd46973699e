"""Which agents are installed, and what they say of themselves."""

import asyncio
from pathlib import Path

import pytest

from ha_core.errors import RefusedError
from ha_core.runtime.agents_installed import AGENTS_MAX, Agents

XML = """<resource-agent name="Lamp" version="1.1"><shortdesc>a lamp</shortdesc>
<parameters><parameter name="colour"/><parameter name="watts"/></parameters></resource-agent>"""


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def agents(tmp_path: Path) -> Agents:
    program(
        tmp_path / "ocf/resource.d/acme/Lamp",
        f"#!/bin/sh\necho asked >> {tmp_path}/asked\ncat <<E\n{XML}\nE\n",
    )
    program(tmp_path / "ocf/resource.d/acme/Broken", "#!/bin/sh\nexit 3\n")
    program(tmp_path / "ocf/resource.d/acme/.hidden", "#!/bin/sh\n")
    (tmp_path / "ocf/resource.d/acme/notes").write_text("no program")
    program(tmp_path / "init.d/nginx", "#!/bin/sh\n")
    return Agents(str(tmp_path / "ocf"), str(tmp_path / "init.d"), str(tmp_path / "none"))


def test_programs_in_the_directories_of_agents_are_found(tmp_path: Path) -> None:
    assert agents(tmp_path).names() == (
        "address",
        "lsb:nginx",
        "ocf:acme:Broken",
        "ocf:acme:Lamp",
        "process",
    )


def test_agent_is_asked_once_what_it_is(tmp_path: Path) -> None:
    found = agents(tmp_path)

    async def scenario() -> None:
        told = await asyncio.gather(*(found.describe("ocf:acme:Lamp") for _ in range(5)))
        assert len(set(told)) == 1
        assert (told[0].short, told[0].version) == ("a lamp", "1.1")
        assert told[0].parameters == ("colour", "watts")
        assert told[0].metadata.startswith("<resource-agent")

    asyncio.run(scenario())
    assert (tmp_path / "asked").read_text() == "asked\n"


@pytest.mark.parametrize("name", ["ocf:acme:Broken", "lsb:nginx", "process"])
def test_agent_that_does_not_describe_itself_is_there_all_the_same(
    tmp_path: Path, name: str
) -> None:
    told = asyncio.run(agents(tmp_path).describe(name))
    assert (told.name, told.metadata) == (name, "")


@pytest.mark.parametrize("name", ["ocf:acme:../../init.d/nginx", "ocf:acme:.hidden", "", "ocf"])
def test_only_what_is_in_the_list_is_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedError) as refused:
        asyncio.run(agents(tmp_path).describe(name))
    assert refused.value.code == "not-found"


def test_list_is_bounded(tmp_path: Path) -> None:
    found = agents(tmp_path)
    for number in range(AGENTS_MAX):
        program(tmp_path / f"init.d/a{number:04}", "")
    assert len(found.names()) == AGENTS_MAX
