"""What `ha-cimd` does not hold in memory: told by the interpreter, which lists what it loads."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from cim_provider.server.lean import installed_version
from tests.cim.server.test_daemon import FREE_PORTS, cli

WATCHED = (sys.executable, "-X", "importtime", "-m", "cim_provider.server.daemon")
MARK = "import time:"
UNUSED = {
    "requests": "pywbem's client",
    "urllib3": "pywbem's client",
    "charset_normalizer": "pywbem's client",
    "idna": "pywbem's client",
    "importlib.metadata": "for a version that a directory's name tells",
    "cryptography": "certificates are made in a child",
    "pyroute2": "for the daemon alone",
    "psutil": "for the daemon alone",
    "ha_core.wire": "for daemons among each other",
    "ha_core.policy.schedule": "loaded with the first question for a reason or a preview",
    "ha_core.preview": "loaded with the first question for a preview",
    "ha_core.config.cib": "loaded with the first export",
    "ha_core.runtime.daemon": "for the daemon alone",
}
"""Modules that are megabytes, and why the server at rest does without them."""
CHECK = """
import sys
from cim_provider.server.lean import load_pywbem
load_pywbem()
print(*(name for name in ("requests", "urllib3") if name in sys.modules))
import pywbem
try:
    pywbem.WBEMConnection("http://127.0.0.1:1").GetClass("HA_Cluster")
except pywbem.ConnectionError as fault:
    print(type(fault).__module__, fault.conn_id is not None)
import requests, requests.packages, urllib3
print(requests.Session.__name__, urllib3.Retry.__name__, requests.packages.urllib3 is urllib3)
"""


@pytest.fixture
def loaded(tmp_path: Path) -> set[str]:
    """Return what a server has loaded until it was ready for a moment."""
    assert cli(tmp_path, "passwd", "ann", text="sesame\n")[0] == 0
    options = ("--root", str(tmp_path), "--bind", "127.0.0.1", *FREE_PORTS)
    found, text = set(), []
    with subprocess.Popen(
        [*WATCHED, "run", *options], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(MARK):
                found.add(line.rsplit("|", 1)[1].strip())
                continue
            text.append(line)
            if line.startswith("READY "):
                process.terminate()
    assert process.returncode == 0, "".join(text)
    return found


def test_server_at_rest_holds_nothing_that_few_requests_need(loaded: set[str]) -> None:
    assert {"pywbem._cim_obj", "ssl", "cim_provider.server.responder"} <= loaded, (
        "the list is whole"
    )
    assert {name: why for name, why in UNUSED.items() if name in loaded} == {}


def test_pywbem_without_its_client_loads_it_when_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["", "pywbem._exceptions True", "Session Retry True"]


def test_installed_version_is_the_one_that_the_library_reads() -> None:
    assert installed_version("msgspec") == version("msgspec")
    assert installed_version("no-such-thing") == ""


def test_place_of_modules_that_cannot_be_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "python.zip"
    file.write_bytes(b"")
    (tmp_path / "thing-2.1.dist-info").mkdir()
    monkeypatch.setattr("sys.path", [str(file), str(tmp_path / "nothing"), str(tmp_path)])
    assert installed_version("thing") == "2.1"


def test_managing_users_loads_nothing_of_cim(tmp_path: Path) -> None:
    done = subprocess.run(
        [*WATCHED, "user", "list", "--root", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    names = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if MARK in line}
    assert "cim_provider.server.verbs" in names
    assert not {"pywbem._cim_obj", "cim_provider.schema"} & names
