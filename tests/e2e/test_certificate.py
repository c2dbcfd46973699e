"""The WBEM certificates of a whole cluster: one authority, renewal in a server that runs on."""

import json
import os
import signal
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
import pywbem
from cryptography import x509

from cim_provider.server.certificate import request
from ha_core.keyring import parse_ring
from ha_core.runtime.authority import LIFE, signed
from tests.e2e.laboratory import Laboratory, laboratory, run

pytestmark = pytest.mark.slow

NAMES = ("localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("e2e") / "lab") as made:
        yield made


def client(server: dict[str, str], authority: Path) -> pywbem.WBEMConnection:
    """Return a client of a server that trusts what is in the file."""
    credentials = (server["user"], server["password"])
    found = pywbem.WBEMConnection(
        server["https"], credentials, "root/cimv2", ca_certs=str(authority), timeout=20
    )
    found.session.trust_env = False
    return found


def test_whoever_trusts_one_node_trusts_the_servers_of_all(lab: Laboratory, tmp_path: Path) -> None:
    shown = run("--root", str(lab.root("n2")), "wbem", "certificate", "--authority")
    authority = tmp_path / "authority.pem"
    authority.write_text(shown.stdout)
    for server in lab.value["wbem"]:
        assert client(server, authority).EnumerateInstanceNames("HA_Cluster")
        assert client(server, Path(lab.value["wbem"][0]["ca"])).EnumerateClassNames()


def test_certificate_that_ends_soon_is_renewed_by_the_cluster_while_the_server_runs_on(
    lab: Laboratory,
) -> None:
    root, server = lab.root("n1"), lab.value["wbem"][0]
    pid = json.loads((root / "run" / "cimd.json").read_text())["pid"]
    private = root / "etc" / "cimd"
    file, key = private / "certificate.pem", private / "key.pem"
    open_client = client(server, Path(server["ca"]))
    assert open_client.EnumerateClassNames()
    ring = parse_ring((root / "etc" / "keyring").read_text(), "keyring")
    asked = request(private / "none yet", key, NAMES)
    assert asked is not None
    before = datetime.now(UTC) - LIFE + timedelta(days=20)
    file.write_text(signed(ring, asked.decode(), before))
    os.kill(pid, signal.SIGHUP)
    address = ("127.0.0.1", int(server["https"].rsplit(":", 1)[1]))

    deadline_s = monotonic() + 60
    while days_left(address) < 300:
        assert monotonic() < deadline_s, "it is not renewed"
    assert open_client.EnumerateClassNames(), "a client that was connected has noticed nothing"
    assert client(server, file).EnumerateClassNames()
    assert json.loads((root / "run" / "cimd.json").read_text())["pid"] == pid


def days_left(address: tuple[str, int]) -> int:
    """Return for how many days the certificate that a server shows is good."""
    pem = ssl.get_server_certificate(address, timeout=20)
    end = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    return (end - datetime.now(UTC)).days


def test_users_of_a_node_are_managed_while_its_server_runs(lab: Laboratory, tmp_path: Path) -> None:
    server, root = lab.value["wbem"][0], str(lab.root("n1"))
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    done = run("--root", root, "wbem", "user", "add", "ann", "--password-file", str(secret))
    assert done.returncode == 0, done.stderr
    ann = {**server, "user": "ann", "password": "open sesame"}
    (web,) = (
        path
        for path in client(ann, Path(server["ca"])).EnumerateInstanceNames("HA_PrimitiveResource")
        if path["Id"] == "web"
    )
    same = client(ann, Path(server["ca"]))
    with pytest.raises(pywbem.CIMError) as refused:
        same.InvokeMethod("RequestStateChange", web, RequestedState=pywbem.Uint16(11))
    assert refused.value.status_code == pywbem.CIM_ERR_ACCESS_DENIED
    run("--root", root, "wbem", "user", "role", "ann", "operate")
    code, _ = same.InvokeMethod("RequestStateChange", web, RequestedState=pywbem.Uint16(11))
    assert code in (0, 4096)
    lines = run("--root", root, "wbem", "audit", "--json").stdout.splitlines()
    audited = [json.loads(line) for line in lines]
    outcomes = [each["result"] for each in audited if each["user"] == "ann"]
    assert outcomes == ["refused", "done"]
    run("--root", root, "wbem", "user", "remove", "ann")
    with pytest.raises(pywbem.AuthError):
        same.EnumerateClassNames()


def test_user_added_on_one_node_comes_in_on_all_and_is_removed_on_all(
    lab: Laboratory, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    words = ("wbem", "user", "add", "bea", "--password-file", str(secret))
    done = run("--root", str(lab.root("n2")), *words)
    assert "on all nodes" in done.stdout, done.stderr
    for server in lab.value["wbem"]:
        bea = client({**server, "user": "bea", "password": "open sesame"}, Path(server["ca"]))
        lets_in(bea, is_wanted=True)
    done = run("--root", str(lab.root("n3")), "wbem", "user", "remove", "bea", "--json")
    assert json.loads(done.stdout) == {"name": "bea", "removed": True, "everywhere": True}
    for server in lab.value["wbem"]:
        bea = client({**server, "user": "bea", "password": "open sesame"}, Path(server["ca"]))
        lets_in(bea, is_wanted=False)


def lets_in(asked: pywbem.WBEMConnection, *, is_wanted: bool) -> None:
    """Ask until the server lets the user in, or no more: other nodes learn of it a moment later."""
    deadline_s = monotonic() + 60
    while True:
        try:
            assert asked.EnumerateClassNames()
            is_in = True
        except pywbem.AuthError:
            is_in = False
        except pywbem.HTTPError as fault:
            if fault.status != 429:  # it has asked too often
                raise
            is_in = not is_wanted
        if is_in == is_wanted:
            return
        assert monotonic() < deadline_s, f"user is {'not' if is_wanted else 'still'} let in"
