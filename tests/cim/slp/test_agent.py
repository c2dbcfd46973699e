"""Which questions the service agent answers, and with what."""

import pytest
from hypothesis import given, strategies as st

from cim_provider.mapping.world import ServerIdentity
from cim_provider.slp.agent import (
    ANSWERS_PER_S_MAX,
    ANSWERS_PER_SENDER_MAX,
    Advert,
    ServiceAgent,
    attribute_list,
)
from cim_provider.slp.messages import DATAGRAM_BYTES_MAX, LIFETIME_S
from cim_provider.slp.template import advert_of
from tests.cim.slp.asking import (
    MULTICAST,
    attributes,
    message,
    reply,
    services,
    text,
    texts,
    types,
    urls,
)

HOST = "192.0.2.1"
URL = f"service:wbem:https://{HOST}:5989"
IDENTITY = ServerIdentity("node1.example", version="1.2.3")


def ask(request: bytes, advert: Advert | None = None) -> bytes | None:
    told = advert or advert_of(IDENTITY, [f"https://{HOST}:5989"], HOST)
    return ServiceAgent(told).answer(request, "192.0.2.9", 0.0)


def answered(request: bytes) -> bytes:
    found = ask(request)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["service:wbem", "service:wbem:https", "SERVICE:WBEM"])
@pytest.mark.parametrize("flags", [0, MULTICAST])
def test_who_asks_for_wbem_servers_is_told_the_url(kind: str, flags: int) -> None:
    got = answered(services(kind, flags=flags))
    assert urls(got) == (0, [(LIFETIME_S, URL)])
    assert reply(got).transaction == 77


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (services("service:printer"), 0),
        (services("service:wbem:http"), 0),
        (services("service:wbem", scopes="OTHER"), 4),
        (services("service:wbem", signer="somebody"), 5),
        (services("service:wbem", predicate="(a"), 2),
        (services("service:wbem", predicate="(service-hi-name=Other)"), 0),
    ],
)
def test_who_asks_for_something_else_alone_is_told_so(request_: bytes, fault: int) -> None:
    assert urls(answered(request_)) == (fault, [])


@pytest.mark.parametrize(
    "request_",
    [
        services("service:printer", flags=MULTICAST),
        services("service:wbem", scopes="OTHER", flags=MULTICAST),
        services("service:wbem", predicate="(a", flags=MULTICAST),
        services("service:wbem", seen=f"192.0.2.7,{HOST}", flags=MULTICAST),
        services("service:directory-agent", flags=MULTICAST),
        attributes("service:printer", flags=MULTICAST),
        types("iana-other", flags=MULTICAST),
    ],
)
def test_who_asks_all_for_something_else_hears_nothing(request_: bytes) -> None:
    assert ask(request_) is None


def test_predicate_chooses_by_the_attributes() -> None:
    wanted = "(&(RegisteredProfilesSupported=SNIA:*)(MultipleOperationsSupported=true))"
    assert urls(answered(services("service:wbem", predicate=wanted)))[1]


def test_attributes_are_those_of_the_template() -> None:
    for asked in (URL, "service:wbem", "service:wbem:https"):
        fault, found = texts(answered(attributes(asked)), 7)
        assert fault == 0
        assert f"(template-url-syntax=https://{HOST}:5989)" in found
        assert "(template-type=wbem)" in found
        assert "(service-hi-name=Beatkeeper)" in found
        assert "(InteropSchemaNamespace=interop)" in found
        assert "(RegisteredProfilesSupported=DMTF:Profile Registration," in found
    assert texts(answered(attributes(URL, "service-id,Inter*")), 7)[1] == (
        "(service-id=beatkeeper:node1.example),(InteropSchemaNamespace=interop)"
    )
    assert texts(answered(attributes("service:wbem:https://192.0.2.2:5989")), 7) == (0, "")


def test_types_of_services_are_told() -> None:
    assert texts(answered(types()), 10) == (0, "service:wbem:https")
    assert texts(answered(types("")), 10) == (0, "service:wbem:https")
    assert texts(answered(types("other")), 10) == (0, "")


def test_agent_names_itself() -> None:
    got = reply(answered(services("service:service-agent", scopes="", flags=MULTICAST)))
    assert got.function == 11
    assert text(f"service:service-agent://{HOST}") + text("DEFAULT") in got.body


def test_values_that_mean_something_to_slp_are_escaped() -> None:
    assert attribute_list({"a": ("x,y", "(z)")}) == r"(a=x\2Cy,\28z\29)"


def test_answer_that_is_too_long_is_cut_off_and_says_so() -> None:
    advert = Advert((URL,), {"long": ("x" * DATAGRAM_BYTES_MAX,)}, HOST)
    got = ask(attributes(URL), advert)
    assert got is not None
    assert len(got) <= DATAGRAM_BYTES_MAX
    assert reply(got).flags & 0x8000


def test_answers_are_bounded_for_each_sender_and_in_all() -> None:
    agent = ServiceAgent(advert_of(IDENTITY, [f"https://{HOST}:5989"], HOST))

    def answers(sender: str, now_s: float) -> int:
        given = [agent.answer(services("service:wbem"), sender, now_s) for _ in range(50)]
        return sum(each is not None for each in given)

    assert answers("192.0.2.9", 0.0) == ANSWERS_PER_SENDER_MAX
    total = ANSWERS_PER_SENDER_MAX + sum(answers(f"192.0.2.{n}", 0.9) for n in range(10, 40))
    assert total == ANSWERS_PER_S_MAX
    assert answers("192.0.2.9", 1.0) == ANSWERS_PER_SENDER_MAX


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02\x01",
        services("service:wbem")[:-1],
        b"\x01" + services("service:wbem")[1:],
        services("service:wbem") + b"x",
        message(1, b"\x00\x00\xff\xff"),
        message(1, text("") + b"\x00\x02\xff\xfe"),
        message(3, b"a registration"),
        message(8, b"a directory agent"),
        message(5, b"\x00\x00"),
        message(99, b""),
        services("service:wbem", predicate="x" * 2_000),
    ],
)
def test_what_is_no_question_gets_no_answer(raw: bytes) -> None:
    assert ask(raw) is None


@given(st.binary(max_size=200), st.integers(0, 12))
def test_no_bytes_bring_the_agent_down(body: bytes, function: int) -> None:
    for raw in (body, message(function, body)):
        got = ask(raw)
        assert got is None or len(got) <= DATAGRAM_BYTES_MAX
