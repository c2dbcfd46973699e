"""The server needs no privileges, and its unit gives it none."""

import configparser
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import pywbem

from cim_provider.server.keeper import Pair
from tests.cim.server.authority import Authority
from tests.cim.server.test_daemon import cli, connection, running

UNIT = Path(__file__).resolve().parents[3] / "etc" / "ha-cimd.service"
ANALYZE = shutil.which("systemd-analyze")
NOBODY = 65_534
EXPOSURE_MAX = 2.0
# The interpreter may lie where only root may read: everything is imported before root is left.
PROGRAM = f"""
import encodings.idna, os, sys
import cim_provider.server.service, cim_provider.server.daemon as daemon
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.argv[0] = "ha-cimd"
daemon.main()
"""


def test_unit_gives_the_server_a_user_and_nothing_else() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # case counts
    unit.read(UNIT)
    service = unit["Service"]
    assert service["User"] == "ha-cimd"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"] == "/etc/beatkeeper/cimd"
    assert service["StateDirectory"] == "beatkeeper/cimd"
    assert service["ExecReload"] == "kill -HUP $MAINPID"


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze (systemd) is missing")
def test_systemd_finds_little_that_the_unit_leaves_open() -> None:
    assert ANALYZE is not None
    done = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", "--json=off", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    _, found, rest = done.stdout.partition("Overall exposure level for ha-cimd.service: ")
    if not found:
        pytest.skip(f"this systemd-analyze says nothing offline: {done.stderr.strip()[:200]}")
    assert float(rest.split()[0]) <= EXPOSURE_MAX


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_server_runs_as_a_user_without_privileges() -> None:
    # Not where pytest keeps its directories: it closes them to others whenever it starts.
    with tempfile.TemporaryDirectory() as directory:
        _run_as_nobody(Path(directory))


def _run_as_nobody(tmp_path: Path) -> None:
    cli(tmp_path, "passwd", "ann", text="sesame\n")
    # One of our own would be made by a child, which needs the interpreter again.
    certificate, key = Authority(tmp_path).issue("localhost")
    given = f"certificate: {certificate}\nkey: {key}\n"
    (tmp_path / "etc" / "cimd.yaml").write_text(given)
    for directory in (tmp_path / "run", tmp_path / "lib"):
        directory.mkdir()
    for each in (tmp_path, *tmp_path.rglob("*")):
        os.chown(each, NOBODY, NOBODY)
    ports = ("--http-port", "0", "--https-port", "0", "--root", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "run", *ports], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("READY "):
                break
        assert lines[-1].startswith("READY "), "".join(lines)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert f"Uid:\t{NOBODY}\t{NOBODY}" in status
        assert "CapEff:\t0000000000000000" in status
        urls = json.loads((tmp_path / "run" / "cimd.json").read_text())
        client = pywbem.WBEMConnection(urls["http"], ("ann", "sesame"), timeout=10)
        manager = client.EnumerateInstances("CIM_ObjectManager", namespace="interop")[0]
        manager["GatherStatisticalData"] = False
        client.ModifyInstance(manager, PropertyList=["GatherStatisticalData"])
        kept = tmp_path / "lib" / "cimd" / "audit.log"
        assert kept.stat().st_uid == NOBODY
        assert json.loads(kept.read_text())["user"] == "ann"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_certificate_that_was_replaced_is_shown_after_a_reload(tmp_path: Path) -> None:
    cli(tmp_path, "passwd", "ann", text="sesame\n")
    authority = Authority(tmp_path)
    with running(tmp_path) as (urls, process):
        url = urls["https"].replace("127.0.0.1", "localhost")
        assert connection(tmp_path, url).EnumerateClassNames()
        private = tmp_path / "etc" / "cimd"
        pair = Pair(private / "certificate.pem", private / "key.pem")
        certificate, key = authority.issue("imported")
        os.replace(key, pair.key)
        os.replace(certificate, pair.certificate)
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        for line in process.stderr:
            if "new connections are shown" in line:
                break
        client = connection(tmp_path, url)
        client.session.verify = str(authority.file)
        assert client.EnumerateClassNames()
        assert process.poll() is None
