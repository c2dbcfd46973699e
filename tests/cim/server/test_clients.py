"""Clients in use: pywbem and wbemcli, with and without TLS."""

import shutil
import subprocess
from pathlib import Path

import pytest
import pywbem

from cim_provider.server.roles import Role
from cim_provider.server.users import User, hash_password
from cim_provider.wbem import operations
from tests.cim.server.harness import (
    CHEAP,
    CLASS,
    NAMESPACE,
    OBSERVER,
    OPERATOR,
    Served,
    instance,
    serving,
)

WBEMCLI = shutil.which("wbemcli")
needs_wbemcli = pytest.mark.skipif(WBEMCLI is None, reason="wbemcli (sblim-wbemcli) is missing")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with serving(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.mark.parametrize("tls", [False, True])
def test_pywbem_reads_and_calls(server: Served, tls: bool) -> None:
    client = server.client(tls=tls)
    assert len(client.EnumerateInstances(CLASS)) == 20
    assert client.EnumerateInstanceNames(CLASS)[7] == instance(7).path
    assert client.GetInstance(instance(3).path)["Id"] == "resource-3"
    assert client.InvokeMethod("Stop", instance(3).path) == (0, {})
    with pytest.raises(pywbem.CIMError) as refused:
        client.DeleteInstance(instance(3).path)
    assert refused.value.status_code == 7


@pytest.mark.parametrize("tls", [False, True])
def test_pywbem_with_a_wrong_password_is_told_so(server: Served, tls: bool) -> None:
    with pytest.raises(pywbem.AuthError):
        server.client(("ann", "sesame"), tls=tls).EnumerateInstanceNames(CLASS)
    with pytest.raises(pywbem.AuthError):
        server.client(None, tls=tls).EnumerateInstanceNames(CLASS)


def test_operations_are_performed_in_the_name_of_the_user(server: Served) -> None:
    server.client(OBSERVER).GetClass(CLASS)
    assert server.performer.users[-1] == "bob"


def test_observer_may_not_call_methods(server: Served) -> None:
    client = server.client(OBSERVER)
    assert len(client.EnumerateInstances(CLASS)) == 20
    calls = len(server.performer.performed)
    with pytest.raises(pywbem.CIMError) as refused:
        client.InvokeMethod("Stop", instance(3).path)
    assert refused.value.status_code == 2
    assert len(server.performer.performed) == calls


def test_reads_are_performed_once_for_each_version(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        client = server.client()
        for _ in range(3):
            assert len(client.EnumerateInstances(CLASS)) == 20
        assert len(server.performer.performed) == 1
        server.performer.now = "2"
        client.EnumerateInstances(CLASS)
        assert len(server.performer.performed) == 2
        client.EnumerateInstances(CLASS, PropertyList=["Id"])
        assert len(server.performer.performed) == 3


def test_methods_are_performed_every_time(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        client = server.client()
        for _ in range(3):
            client.InvokeMethod("Stop", instance(3).path)
        kinds = [type(item) for item in server.performer.performed]
        assert kinds == [operations.InvokeMethod] * 3


def wbemcli(server: Served, *arguments: str, user: tuple[str, str] = OPERATOR) -> str:
    """Return what wbemcli prints for these arguments; `URL` stands for the server."""
    name, password = user
    secure = ["-noverify"] if any("https" in item for item in arguments) else []
    port = server.https_port if secure else server.http_port
    scheme = "https" if secure else "http"
    url = f"{scheme}://{name}:{password.replace(' ', '%20')}@127.0.0.1:{port}/{NAMESPACE}:{CLASS}"
    given = [item.replace("https-URL", url).replace("URL", url) for item in arguments]
    assert WBEMCLI is not None
    done = subprocess.run(
        [WBEMCLI, *secure, *given], capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory):
    """A server whose operator has a password that needs no escape in a URL."""
    with serving(tmp_path_factory.mktemp("plain")) as served:
        served.users.put(User("ann", hash_password(b"sesame", CHEAP), Role.ADMINISTER))
        yield served


PLAIN = ("ann", "sesame")


@needs_wbemcli
def test_wbemcli_enumerates_names(plain: Served) -> None:
    lines = wbemcli(plain, "ein", "URL", user=PLAIN).splitlines()
    assert len(lines) == 20
    assert lines[0].endswith(f'{NAMESPACE}:{CLASS}.Id="resource-0"')


@needs_wbemcli
def test_wbemcli_enumerates_instances(plain: Served) -> None:
    lines = wbemcli(plain, "ei", "-nl", "URL", user=PLAIN).splitlines()
    assert lines.count('-Id="resource-3"') == 1


@needs_wbemcli
def test_wbemcli_gets_an_instance_over_tls(plain: Served) -> None:
    text = wbemcli(plain, "gi", "-nl", 'https-URL.Id="resource-3"', user=PLAIN)
    assert '-Property5="value 5 of resource 3"' in text


@needs_wbemcli
def test_wbemcli_calls_a_method(plain: Served) -> None:
    text = wbemcli(plain, "cm", 'URL.Id="resource-3"', "Stop", user=PLAIN)
    assert text.strip().endswith("0")
    assert isinstance(plain.performer.performed[-1], operations.InvokeMethod)


@needs_wbemcli
def test_wbemcli_with_a_wrong_password_is_refused(plain: Served) -> None:
    assert "password" in wbemcli(plain, "ein", "URL", user=("ann", "wrong"))
