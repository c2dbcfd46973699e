"""Secrets in a configuration, and in any text: none stands where somebody else may read it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from ha_core.config.alerts import Alert, Recipient
from ha_core.config.masking import SHORTEST, Mask, masked, secrets_of
from ha_core.config.model import Configuration, FenceDevice
from ha_core.config.render import render
from ha_core.config.secrets import HIDDEN
from tests.fake_cluster import configuration

PLACES = ("resource", "device", "alert", "recipient", "node")


def planted() -> Configuration:
    """Return a configuration with a secret of its own in each place that may hold one."""

    def pair(place: str) -> tuple[tuple[str, str], ...]:
        return (("password", f"hush-{place}"), ("user", "lisa"))

    whole = configuration()
    first, *others = whole.primitives
    n1, *nodes = whole.nodes
    mail = Alert(
        "mail",
        "/bin/mail",
        "",
        pair("alert"),
        recipients=(Recipient("ops", "", pair("recipient")),),
    )
    return replace(
        whole,
        primitives=(replace(first, parameters=pair("resource")), *others),
        fence_devices=(FenceDevice("switch", "fence:fence_apc", pair("device")),),
        alerts=(mail,),
        nodes=(replace(n1, attributes=pair("node")), *nodes),
    )


def test_no_place_of_a_configuration_shows_its_secret() -> None:
    assert sorted(secrets_of(planted())) == sorted(f"hush-{place}" for place in PLACES)
    text = render(masked(planted()))
    assert "hush" not in text
    assert text.count(HIDDEN) == text.count("password: ") == len(PLACES)
    assert list(secrets_of(masked(planted()))) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=foo, b", f"password={HIDDEN}, b"),
        ("env A=1 PGPASSWORD=foo psql", f"env A=1 PGPASSWORD={HIDDEN} psql"),
        ("login: user: root: passwd: foo", f"login: user: root: passwd: {HIDDEN}"),
        ("db --password foo --user lisa", f"db --password {HIDDEN} --user lisa"),
        ("x._2password=foo", f"x._2password={HIDDEN}"),
        ("_password=foo", f"_password={HIDDEN}"),
        ("db --api-key=foo -x", f"db --api-key={HIDDEN} -x"),
        ('["--password", "foo bar", "-x"]', f'["--password", "{HIDDEN}", "-x"]'),
        ('"passwd": "foo, bar", "k": 1', f'"passwd": "{HIDDEN}", "k": 1'),
        ("passwd: 'foo bar' x", f"passwd: '{HIDDEN}' x"),
        (r"{\"token\": \"foo bar\", \"a\": 1}", rf"{{\"token\": \"{HIDDEN}\", \"a\": 1}}"),
        ("http://lisa:foo@h/x", f"http://lisa:{HIDDEN}@h/x"),
        ("the token bk1-Zm9v+/=_- was used", f"the token {HIDDEN} was used"),
    ],
)
def test_what_looks_like_a_secret_by_its_name_is_hidden(text: str, shown: str) -> None:
    assert Mask(()).text(text) == shown
    assert Mask(()).text(shown) == shown, "what is hidden stays as it is"


@pytest.mark.parametrize(
    "text",
    [
        "the password is wrong",
        "password_file: /etc/secret",
        "a password: ",
        "passed: 3, failed: 0",
        "key: value",
        "2026-11-26 21:30:05.123 n1: db was started",
    ],
)
def test_other_words_stay_as_they_are(text: str) -> None:
    assert Mask(()).text(text) == text


@given(
    st.lists(st.text(min_size=SHORTEST, max_size=20), max_size=4),
    st.text(max_size=40),
    st.text(max_size=40),
)
def test_known_secret_stands_nowhere_whatever_it_is_made_of(
    secrets: list[str], before: str, after: str
) -> None:
    mask = Mask(secrets)
    for secret in secrets:
        if secret in HIDDEN:
            continue
        assert secret not in mask.text(f"{before} {secret} {after}").replace(HIDDEN, "\0")
        line = json.dumps({"text": f"{before} {secret} {after}"})
        shown = mask.text(line).replace(HIDDEN, "\0")
        assert json.dumps(secret)[1:-1] not in shown


@pytest.mark.parametrize("piece", ["a", "a-", "a:", " ", "://a", 'password="', "--a ", "bk1-"])
def test_line_of_any_length_is_read_once(piece: str) -> None:
    """What looks at each place again and again would take hours here."""
    line = piece * (300_000 // len(piece))
    assert Mask(["hush"]).text(f"{line}\npassword=foo").endswith(f"password={HIDDEN}")


def test_longer_secret_is_hidden_whole_where_another_one_begins_it() -> None:
    assert Mask(["hush", "hush-hush"]).text("a hush-hush b") == f"a {HIDDEN} b"
