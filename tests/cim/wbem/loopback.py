"""A pywbem client joined to our protocol layer without a socket.

pywbem is the oracle: what it sends must be understood, what we send it must
read back as the same values. Answers come from a function of the operation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import pywbem
import requests
from requests.adapters import BaseAdapter

from cim_provider.wbem.errors import OperationError, ProtocolError
from cim_provider.wbem.http import check_headers, collect_headers, error_headers, response_headers
from cim_provider.wbem.operations import Answer, Operation
from cim_provider.wbem.parse import parse_message
from cim_provider.wbem.render import render_answer, render_error


@dataclass
class Loopback:
    """What the client asked for last, and how it is answered."""

    perform: Callable[[Operation], Answer]
    operations: list[Operation] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def exchange(
        self, method: str, target: str, pairs: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Answer one HTTP request: status, headers, body."""
        try:
            expected = check_headers(method, target, collect_headers(pairs))
            answer = self._answer(body, expected)
        except ProtocolError as error:
            return error.http_status, error_headers(error), b""
        self.bodies.append(answer)
        return 200, response_headers(expected.prefix), answer

    def _answer(self, body: bytes, expected: object) -> bytes:
        try:
            message = parse_message(body, expected)
        except OperationError as error:
            return render_error(error.message_id, error.method, error.is_intrinsic, error.cim_error)
        self.operations.append(message.operation)
        try:
            return render_answer(message, self.perform(message.operation), "node-1")
        except pywbem.CIMError as error:
            return render_error(message.message_id, message.method, message.is_intrinsic, error)


class Adapter(BaseAdapter):
    """Carries requests of the client's HTTP session to a loopback."""

    def __init__(self, loopback: Loopback) -> None:
        super().__init__()
        self._loopback = loopback

    def send(self, request, **_options):
        """Answer a prepared request."""
        pairs = [(_bytes(name), _bytes(value)) for name, value in request.headers.items()]
        status, headers, body = self._loopback.exchange(
            request.method, request.path_url, pairs, _bytes(request.body)
        )
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.request = request
        response.url = request.url
        response._content = body
        return response

    def close(self) -> None:
        """Nothing is open."""


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def client(perform: Callable[[Operation], Answer]) -> tuple[pywbem.WBEMConnection, Loopback]:
    """Return a pywbem client whose requests `perform` answers, and the record of them."""
    loopback = Loopback(perform)
    connection = pywbem.WBEMConnection("http://server", default_namespace="root/ha")
    connection.session.mount("http://", Adapter(loopback))
    return connection, loopback


def asked(send: Callable[[pywbem.WBEMConnection], object]) -> Operation:
    """Return the operation that one call of the client becomes."""

    def refuse(_operation: Operation) -> Answer:
        raise pywbem.CIMError(1, "only the request matters here")

    connection, loopback = client(refuse)
    with pytest.raises(pywbem.CIMError, match="only the request matters here"):
        send(connection)
    return loopback.operations[-1]
