"""pywbemcli against the whole provider over TLS: discovery, profiles, statistics, namespaces.

It is looked for on the path and in `.tools`, which `make tools` fills: it wants an older version
of a library than this project does, and has an environment of its own.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.counters import Statistics
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.statistics import statistics_area
from tests.cim.mapping.views import IDENTITY, MODEL, cluster, node_path, schema
from tests.cim.server.harness import OBSERVER, OPERATOR, Served, serving

TOOLS = Path(__file__).resolve().parents[3] / ".tools" / "bin"
PYWBEMCLI = shutil.which("pywbemcli", path=os.pathsep.join((os.environ["PATH"], str(TOOLS))))
pytestmark = pytest.mark.skipif(
    PYWBEMCLI is None, reason="pywbemcli (pywbemtools) is missing: make tools"
)
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Authorities in the environment would win over those that are named."""

Run = Callable[..., str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    statistics = Statistics()
    area = statistics_area(statistics, lambda: 0)
    mapping = Mapping(schema(), MemoryEngine(cluster()), IDENTITY, [area])
    directory = tmp_path_factory.mktemp("served")
    with serving(directory, performer=mapping, statistics=statistics) as server:
        yield server


@pytest.fixture
def run(served: Served, tmp_path: Path) -> Run:
    """Return what runs a command and gives its output; a refusal has `fails`."""

    def command(*words: str, fails: bool = False, user: tuple[str, str] = OPERATOR) -> str:
        assert PYWBEMCLI is not None
        environment = {k: v for k, v in os.environ.items() if k not in BUNDLES}
        options = (
            *("--server", f"https://localhost:{served.https_port}", "--user", user[0]),
            *("--password", user[1], "--ca-certs", str(served.certificate)),
            *("--default-namespace", MODEL),
        )
        done = subprocess.run(
            [PYWBEMCLI, *options, *words],
            env={**environment, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        output = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, output
        assert "Traceback" not in output
        return output

    return command


def test_server_is_discovered(run: Run) -> None:
    assert "Connection OK" in run("connection", "test")
    assert run("server", "brand").strip().endswith("Beatkeeper")
    assert re.search(r"Beatkeeper\s+1\.2\.3\s+interop", run("server", "info"))
    assert run("namespace", "interop").strip().endswith("interop")
    assert {"interop", "root/cimv2"} <= set(run("namespace", "list").split())


def test_profiles_are_listed_with_their_central_instances(run: Run) -> None:
    listed = run("profile", "list")
    assert re.search(r"DMTF\s+Profile Registration\s+1\.0\.0", listed)
    assert re.search(r"Other\s+HA Cluster\s+1\.0\.0", listed)
    assert re.search(r"SNIA\s+Server\s+1\.2\.0", listed)
    only = run("profile", "list", "--organization", "SNIA", "--profile", "Server")
    assert "HA Cluster" not in only
    central = run("profile", "centralinsts")
    assert "HA_Cluster.CreationClassName" in central
    assert "CIM_ObjectManager." in central
    assert "LinuxHA:profile:DMTF:Profile_Registration:1.0.0" in central


def test_statistics_are_shown_and_switched(run: Run) -> None:
    assert re.search(r"server statistics gathering\s+on", run("statistics", "status"))
    assert "set to off" in run("statistics", "server-off")
    assert "statistics off" in run("statistics", "server-show", fails=True)
    assert "set to on" in run("statistics", "server-on")
    run("class", "enumerate", "--names-only", "--deep-inheritance")
    shown = run("statistics", "server-show")
    assert re.search(r"EnumerateClassNames\s+1\s", shown)
    assert "Provider Time" in shown
    run("statistics", "show")
    run("statistics", "reset")
    refused = run("statistics", "server-off", fails=True, user=OBSERVER)
    assert "needs administer" in refused


def test_namespaces_cannot_be_made_and_the_refusal_is_in_words(run: Run) -> None:
    refused = run("namespace", "create", "root/mine", fails=True)
    assert "CIM_ERR_NOT_SUPPORTED" in refused


def test_observer_is_told_what_a_method_needs(run: Run) -> None:
    refused = run(
        *("instance", "invokemethod", str(node_path("n1")), "RequestStateChange"),
        *("--parameter", "RequestedState=2"),
        fails=True,
        user=OBSERVER,
    )
    assert "CIM_ERR_ACCESS_DENIED" in refused
    assert "needs operate" in refused
