"""The service agent: answers who asks for WBEM servers, from what it is told of this one.

Owns: which questions are answered, which are passed over in silence, and the
bound on answers, since SLP's sender addresses are easily forged: a question can
make somebody else get the answer. Keeps nothing that a stranger sends. Pure:
bytes in, bytes out, the time as an argument.
Source: RFC 2608, sections 6 to 10; DSP0206 1.0 (the template of `service:wbem`).
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cim_provider.slp import messages
from cim_provider.slp.messages import (
    AttributeRequest,
    Fault,
    MessageError,
    ServiceRequest,
    TypeRequest,
)
from cim_provider.slp.predicate import PredicateError, parse

SCOPE: Final = "DEFAULT"
ABSTRACT_TYPE: Final = "service:wbem"
AGENT_TYPE: Final = "service:service-agent"
ANSWERS_PER_S_MAX: Final = 20
"""In all; a network with so many questions a second has another problem."""
ANSWERS_PER_SENDER_MAX: Final = 5
_ESCAPED: Final = {ord(sign): f"\\{ord(sign):02X}" for sign in "(),\\!<=>~*"}


@dataclass(frozen=True, slots=True)
class Advert:
    """What is told of the server."""

    urls: tuple[str, ...]
    """Such as `service:wbem:https://192.0.2.1:5989`."""
    attributes: Mapping[str, tuple[str, ...]]
    host: str
    """Address of the agent itself; who lists it among those who have answered gets no answer."""


class ServiceAgent:
    """Answers datagrams about one advert."""

    def __init__(self, advert: Advert) -> None:
        self._advert = advert
        self._by_name = {name.lower(): values for name, values in advert.attributes.items()}
        self._budget = _Budget()

    def answer(self, datagram: bytes, sender: str, now_s: float) -> bytes | None:
        """Return what to send back, None for silence."""
        try:
            asked = messages.decode(datagram)
        except MessageError:
            return None
        match asked:
            case ServiceRequest() | AttributeRequest() | TypeRequest():
                reply = self._reply(asked)
            case _:
                return None
        return reply if reply is not None and self._budget.allows(sender, now_s) else None

    def _reply(self, asked: ServiceRequest | AttributeRequest | TypeRequest) -> bytes | None:
        header = asked.header
        if self._advert.host in asked.responders:
            return None
        is_agent = (
            isinstance(asked, ServiceRequest) and service_type(asked.service_type) == AGENT_TYPE
        )
        if not _has_scope(asked.scopes) and not (is_agent and not asked.scopes):
            return self._refused(asked, Fault.SCOPE_NOT_SUPPORTED)
        match asked:
            case ServiceRequest(signer=signer) | AttributeRequest(signer=signer) if signer:
                return self._refused(asked, Fault.AUTHENTICATION_UNKNOWN)
            case ServiceRequest():
                return self._services(asked)
            case AttributeRequest():
                return self._attributes(asked)
            case TypeRequest(authority=authority):
                types = (
                    [] if authority else sorted({service_type(url) for url in self._advert.urls})
                )
                if not types and header.is_multicast:
                    return None
                return messages.type_reply(header.transaction, Fault.NONE, types)

    def _refused(
        self, asked: ServiceRequest | AttributeRequest | TypeRequest, fault: Fault
    ) -> bytes | None:
        """Return the error; to all who were asked at once nobody answers with one."""
        if asked.header.is_multicast:
            return None
        transaction = asked.header.transaction
        match asked:
            case ServiceRequest():
                return messages.service_reply(transaction, fault, ())
            case AttributeRequest():
                return messages.attribute_reply(transaction, fault, "")
            case TypeRequest():
                return messages.type_reply(transaction, fault, ())

    def _services(self, asked: ServiceRequest) -> bytes | None:
        wanted = service_type(asked.service_type)
        try:
            fits = parse(asked.predicate)(self._by_name)
        except PredicateError:
            return self._refused(asked, Fault.PARSE_ERROR)
        if wanted == AGENT_TYPE:
            url = f"{AGENT_TYPE}://{self._advert.host}"
            return messages.agent_advert(asked.header.transaction, url, (SCOPE,), "")
        urls = [url for url in self._advert.urls if _is_of(url, wanted)] if fits else []
        if not urls and asked.header.is_multicast:
            return None
        return messages.service_reply(asked.header.transaction, Fault.NONE, urls)

    def _attributes(self, asked: AttributeRequest) -> bytes | None:
        wanted = asked.url.lower()
        is_ours = any(
            url.lower() == wanted or ("://" not in wanted and _is_of(url, service_type(wanted)))
            for url in self._advert.urls
        )
        if not is_ours and asked.header.is_multicast:
            return None
        text = attribute_list(self._advert.attributes, asked.tags) if is_ours else ""
        return messages.attribute_reply(asked.header.transaction, Fault.NONE, text)


def attribute_list(attributes: Mapping[str, tuple[str, ...]], tags: tuple[str, ...] = ()) -> str:
    """Return attributes as SLP writes them; `tags` may end in `*`, none means all."""
    return ",".join(
        f"({name}={','.join(value.translate(_ESCAPED) for value in values)})"
        for name, values in attributes.items()
        if not tags or any(_is_tagged(name.lower(), tag.lower()) for tag in tags)
    )


def service_type(url: str) -> str:
    """Return the type of a service's URL, such as `service:wbem:https`."""
    return url.partition("://")[0].lower()


def _is_of(url: str, wanted: str) -> bool:
    """Return whether a URL is of a type, which may be the abstract one."""
    own = service_type(url)
    return own == wanted or (wanted == ABSTRACT_TYPE and own.startswith(f"{ABSTRACT_TYPE}:"))


def _is_tagged(name: str, tag: str) -> bool:
    return name.startswith(tag[:-1]) if tag.endswith("*") else name == tag


def _has_scope(scopes: tuple[str, ...]) -> bool:
    return any(scope.upper() == SCOPE for scope in scopes)


class _Budget:
    """Counts answers by the second."""

    def __init__(self) -> None:
        self._second = -1
        self._all = 0
        self._by_sender: OrderedDict[str, int] = OrderedDict()

    def allows(self, sender: str, now_s: float) -> bool:
        """Count an answer, if one more may be given."""
        if int(now_s) != self._second:
            self._second, self._all = int(now_s), 0
            self._by_sender.clear()
        count = self._by_sender.get(sender, 0)
        if self._all >= ANSWERS_PER_S_MAX or count >= ANSWERS_PER_SENDER_MAX:
            return False
        self._all += 1
        self._by_sender[sender] = count + 1
        return True
