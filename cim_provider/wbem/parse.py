"""Bytes of a request to a `Message`: the operation asked for, and what the answer must echo.

Owns: the CIM and MESSAGE elements, versions, and which calls there are. Knows
nothing of sockets or of how operations are carried out. What is wrong with the
message itself is a `ProtocolError`; what is wrong with the operation inside is
an `OperationError`, which carries all that its answer needs.
Source: DSP0201 2.4, sections 7.1 and 7.5; DSP0200 1.4, section 6.
"""

# pywbem has no annotations: every constructor would be an untyped call.
# mypy: allow-untyped-calls

import re
from dataclasses import dataclass
from typing import Final, NoReturn

import pywbem

from cim_provider.wbem import parse_values
from cim_provider.wbem.errors import (
    CimErrorHeader,
    OperationError,
    ProtocolError,
    Status,
    not_valid,
)
from cim_provider.wbem.http import Expected, match_batch, match_call
from cim_provider.wbem.operations import Operation
from cim_provider.wbem.parse_arguments import ArgumentError
from cim_provider.wbem.parse_calls import intrinsic_operation, method_operation
from cim_provider.wbem.parse_tree import Element, check_shape, parse_tree
from cim_provider.wbem.parse_values import BadValueError

_VERSION = re.compile(r"([0-9]{1,9})\.[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Message:
    """One request: its identification, its operation, and that operation's name as sent."""

    message_id: str
    protocol_version: str
    operation: Operation
    method: str
    is_intrinsic: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Several operations in one request, to be answered each by itself and in this order."""

    message_id: str
    items: tuple[Message | OperationError, ...]


BATCH_MAX: Final = 100
"""Operations in one request."""


def parse_message(body: bytes, expected: Expected | None = None) -> Message | Batch:
    """Return the request in a body; with `expected`, compare it with its HTTP headers first.

    Raises:
        ProtocolError: the body is no request, has a version or form that is not supported,
            or contradicts the headers.
        OperationError: the one operation is unknown or its parameters are wrong.
    """
    root = parse_tree(body)
    check_shape(root)
    _check_version(root, "CIMVERSION", "2", CimErrorHeader.UNSUPPORTED_CIM_VERSION)
    _check_version(root, "DTDVERSION", "2", CimErrorHeader.UNSUPPORTED_DTD_VERSION)
    message = root.only_child()
    _check_version(message, "PROTOCOLVERSION", "1", CimErrorHeader.UNSUPPORTED_PROTOCOL_VERSION)
    version, message_id = message.attributes["PROTOCOLVERSION"], message.attributes["ID"]
    request = message.only_child()
    is_batch = request.name == "MULTIREQ"
    if not is_batch and request.name != "SIMPLEREQ":
        raise ProtocolError(
            400, CimErrorHeader.UNSUPPORTED_OPERATION, f"{request.name} is for indication listeners"
        )
    if expected is not None:
        match_batch(expected, version, is_batch=is_batch)
    if not is_batch:
        call = _call(request)
        if expected is not None:
            _match(expected, version, call)
        return _message(message_id, version, call)
    calls = [_call(simple) for simple in request.children]
    if not 0 < len(calls) <= BATCH_MAX:
        raise not_valid(f"MULTIREQ holds {len(calls)} requests, expected 1 to {BATCH_MAX}")
    return Batch(message_id, tuple(_in_batch(message_id, version, call) for call in calls))


def _in_batch(message_id: str, version: str, call: Element) -> Message | OperationError:
    try:
        return _message(message_id, version, call)
    except OperationError as fault:
        return fault


def _message(message_id: str, version: str, call: Element) -> Message:
    method, is_intrinsic = _method_name(call), call.name == "IMETHODCALL"

    def refuse(status: Status, text: str) -> NoReturn:
        fault = pywbem.CIMError(status, text)
        raise OperationError(message_id, method, is_intrinsic, fault, _namespace(call))

    try:
        operation = intrinsic_operation(call) if is_intrinsic else method_operation(call)
    except ArgumentError as error:
        refuse(error.status, str(error))
    except BadValueError as error:
        refuse(Status.INVALID_PARAMETER, f"{method}: {error}")
    return Message(message_id, version, operation, method, is_intrinsic)


def _namespace(call: Element) -> str:
    """Return the namespace of a call whose parameters are wrong; empty if it cannot be read."""
    places = [*call.children[:1], *(call.children[0].children[:1] if call.children else ())]
    local = next((each for each in places if each.name == "LOCALNAMESPACEPATH"), None)
    try:
        return "" if local is None else parse_values.namespace(local)
    except BadValueError:
        return ""


def _check_version(element: Element, attribute: str, major: str, header: CimErrorHeader) -> None:
    """Refuse another major version; any minor one is accepted, as clients send 2.0 to 2.4."""
    version = element.attributes[attribute]
    match = _VERSION.fullmatch(version)
    if match is None or match[1] != major:
        raise ProtocolError(501, header, f"{attribute} is {version[:32]!r}, expected {major}.x")


def _call(request: Element) -> Element:
    calls = [child for child in request.children if child.name != "CORRELATOR"]
    if len(calls) != 1:
        raise not_valid(f"SIMPLEREQ holds {len(calls)} calls, expected 1")
    return calls[0]


def _method_name(call: Element) -> str:
    try:
        return parse_values.name_of(call)
    except BadValueError as error:
        raise not_valid(str(error)) from error


def _match(expected: Expected, version: str, call: Element) -> None:
    if not call.children:
        raise not_valid(f"{call.name} {call.attributes['NAME'][:64]} has no target")
    first = call.children[0]
    try:
        if first.name == "LOCALNAMESPACEPATH":
            namespace, target = parse_values.namespace(first), None
        else:
            target = parse_values.path(first)
            namespace = target.namespace
    except BadValueError as error:
        raise not_valid(str(error)) from error
    match_call(expected, version, call.attributes["NAME"], namespace, target)
