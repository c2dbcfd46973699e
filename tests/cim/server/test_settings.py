"""Settings from file and command line, each fault with its place."""

from pathlib import Path

import pytest

from cim_provider.server.settings import Settings, SettingsError, override, read_settings


def read(directory: Path, text: str) -> Settings:
    path = directory / "cimd.yaml"
    path.write_text(text)
    return read_settings(path)


def test_without_a_file_http_is_for_this_machine_and_https_for_all(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / "cimd.yaml")
    assert (settings.http_port, settings.https_port) == (5988, 5989)
    assert settings.http_addresses == ("127.0.0.1", "::1")
    assert settings.https_addresses == ("0.0.0.0", "::")


def test_command_line_wins_over_the_file(tmp_path: Path) -> None:
    settings = read(tmp_path, "http_port: 1\nhttps_port: 2\nbind: [127.0.0.2]\nhosts: [cim.test]\n")
    changed = override(settings, https_port=0, bind=("127.0.0.3",), no_http=True)
    assert (changed.http, changed.http_port, changed.https_port) == (False, 1, 0)
    assert changed.https_addresses == ("127.0.0.3",)
    assert changed.certificate_hosts[-2:] == ("127.0.0.3", "cim.test")


def test_empty_file_is_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing yet\n") == Settings()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("http_port: 70000", "http_port"),
        ("http_port: yes", "http_port"),
        ("port: 5988", "port: no such setting; known: http, http_port"),
        ("bind: [localhost]", "'localhost', expected an IPv4 or IPv6 address"),
        ("bind: 127.0.0.1", "bind"),
        ("certificate: /a.pem", "only one is given"),
        ("client_certificate_required: true", "give client_ca as well"),
        ("- a", "expected a mapping"),
        ("a: [", "is not YAML"),
        ("a: " + "x" * 70_000, "longer than 65536 bytes"),
    ],
)
def test_fault_names_place_and_cure(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=r"cimd\.yaml") as refused:
        read(tmp_path, text)
    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("bind", "http"),
    [
        ((), ("127.0.0.1", "::1")),
        (("0.0.0.0",), ("127.0.0.1", "::1")),
        (("192.0.2.1",), ()),
        (("192.0.2.1", "127.0.0.5"), ("127.0.0.5",)),
    ],
)
def test_passwords_in_clear_do_not_leave_the_machine_unless_that_is_allowed(
    bind: tuple[str, ...], http: tuple[str, ...]
) -> None:
    settings = Settings(bind=bind)
    assert settings.http_addresses == http
    allowed = override(settings, clear_text=True)
    assert allowed.http_addresses == (bind or ("0.0.0.0", "::"))
    assert allowed.https_addresses == settings.https_addresses
