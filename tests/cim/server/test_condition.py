"""How a WBEM server is, seen from outside: whether it answers, its certificate, its listeners."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cim_provider.server.certificate import CLOCK_SKEW, LIFE, ensure_certificate
from cim_provider.server.condition import TRY_S, condition
from cim_provider.server.layout import ServerLayout


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """Serve a port that answers every request so; None: it takes the connection and is silent."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return  # the test is over
            with connection, suppress(ConnectionError):
                asked = b""
                while piece := connection.recv(4096):
                    asked += piece
                    if answer is not None and asked.endswith(b"\r\n\r\n"):
                        connection.sendall(answer)
                        break

    thread = threading.Thread(target=serve, name="listener")
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        server.close()


def set_up(root: Path, **urls: str) -> ServerLayout:
    """Return the layout of a server that says that it listens there."""
    layout = ServerLayout(root)
    layout.run.mkdir(parents=True)
    layout.private.mkdir(parents=True)
    layout.state_file.write_text(json.dumps({**urls, "pid": 1}))
    return layout


def test_server_that_was_never_set_up_is_not_missed(root: Path) -> None:
    found = condition(root, {})
    assert (found["is_there"], found["url"], found["listeners"]) == (False, "", [])


def test_any_answer_in_http_will_do_and_nothing_else(root: Path) -> None:
    with listening(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n") as port:
        set_up(root, http=f"http://127.0.0.1:{port}")
        found = condition(root, {})
    assert (found["is_there"], found["fault"]) == (True, "")
    assert "Connect" in str(condition(root, {})["fault"])


@pytest.mark.parametrize(
    ("answer", "words"), [(b"SSH-2.0-dropbear\r\n", "does not speak HTTP"), (None, "no answer at")]
)
def test_port_that_is_held_by_something_else_or_hangs_is_no_answer(
    root: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, words: str
) -> None:
    assert TRY_S > 1, "a busy machine answers later than at once"
    monkeypatch.setattr("cim_provider.server.condition.TRY_S", 0.2 if answer is None else TRY_S)
    with listening(answer) as port:
        set_up(root, http=f"http://127.0.0.1:{port}")
        assert words in str(condition(root, {})["fault"])


def test_server_that_was_stopped_is_told_of_as_such(root: Path) -> None:
    layout = set_up(root)
    layout.users_file.touch()
    layout.state_file.unlink()
    found = condition(root, {})
    assert found["is_there"]
    assert "does not run" in str(found["fault"])
    layout.state_file.write_text("{")
    assert "cannot be read" in str(condition(root, {})["fault"])
    layout.state_file.write_text("[]")
    assert "names no address" in str(condition(root, {})["fault"])


def test_certificate_of_ours_is_renewed_by_itself_and_another_one_is_not(root: Path) -> None:
    layout = set_up(root)
    made = datetime.now(UTC) - timedelta(days=100)
    ensure_certificate(layout.certificate_file, layout.key_file, ["n1"], made)
    found = condition(root, {})
    until = (made - CLOCK_SKEW + LIFE).timestamp()
    assert abs(int(str(found["certificate_until_wall_ms"])) / 1000 - until) < 2
    assert (found["renews"], found["certificate"]) == (True, str(layout.certificate_file))
    settings = f"certificate: {layout.certificate_file}\nkey: {layout.key_file}\n"
    layout.settings_file.write_text(settings)
    assert condition(root, {})["renews"] is False
    layout.certificate_file.write_text("nothing")
    assert "cannot be read" in str(condition(root, {})["certificate_fault"])
    layout.settings_file.write_text("no: such setting")
    assert "no such setting" in str(condition(root, {})["certificate_fault"])


def registry(url: str, state: int = 2) -> dict[str, str]:
    """Return a shelf with one subscription."""
    destination = {"names": {"name": "console"}, "class_name": "L", "context": "c", "url": url}
    subscription = {"filter": "HA:Alerts", "handler": ["L", "console"], "state": state}
    value = {"destinations": [destination], "subscriptions": [subscription]}
    return {"wbem/registry": json.dumps(value)}


def test_listeners_of_enabled_subscriptions_are_tried_and_files_are_none(root: Path) -> None:
    def fault(shelf: dict[str, str]) -> str:
        (listener,) = condition(root, shelf)["listeners"]  # type: ignore[misc]  # a list of one
        return str(listener["fault"])

    with listening(None) as port:
        assert fault(registry(f"http://lisa:hush@127.0.0.1:{port}/")) == ""
    assert "Connect" in fault(registry(f"http://127.0.0.1:{port}/"))
    assert fault(registry(f"http://127.0.0.1:{port}/", state=4)) == "", "it is disabled"
    assert fault(registry("file://alarms")) == ""
    assert "expected" in fault(registry("gopher://h/"))
    assert fault(registry("http://a..b:5988/")) == "a..b can be no host's name"
    shown = condition(root, registry("http://lisa:hush@127.0.0.1:1/"))
    assert "hush" not in json.dumps(shown)


def test_what_a_later_version_keeps_otherwise_is_left_out(root: Path) -> None:
    shelf = {"wbem/registry": "7", "wbem/numbers": "7", "wbem/draft/a": "7"}
    found = condition(root, shelf)
    assert (found["listeners"], found["drafts"], found["unasked"]) == ([], [], 0)
