"""What can be wrong with a request: faults of the protocol and faults of the operation.

Owns: the two exceptions of the protocol layer and the names of the status
codes. A fault of the protocol is answered by an HTTP status and a `CIMError`
header; a fault of the operation by status 200 and an ERROR element. Knows
nothing of how either is written.
Source: DSP0200 1.4, sections 5.2 (status codes) and 6.3 (CIMError header).
"""

from enum import IntEnum, StrEnum

import pywbem


class Status(IntEnum):
    """The status codes of a CIM operation."""

    FAILED = 1
    ACCESS_DENIED = 2
    INVALID_NAMESPACE = 3
    INVALID_PARAMETER = 4
    INVALID_CLASS = 5
    NOT_FOUND = 6
    NOT_SUPPORTED = 7
    CLASS_HAS_CHILDREN = 8
    CLASS_HAS_INSTANCES = 9
    INVALID_SUPERCLASS = 10
    ALREADY_EXISTS = 11
    NO_SUCH_PROPERTY = 12
    TYPE_MISMATCH = 13
    QUERY_LANGUAGE_NOT_SUPPORTED = 14
    INVALID_QUERY = 15
    METHOD_NOT_AVAILABLE = 16
    METHOD_NOT_FOUND = 17
    NAMESPACE_NOT_EMPTY = 20
    INVALID_ENUMERATION_CONTEXT = 21
    INVALID_OPERATION_TIMEOUT = 22
    PULL_HAS_BEEN_ABANDONED = 23
    PULL_CANNOT_BE_ABANDONED = 24
    FILTERED_ENUMERATION_NOT_SUPPORTED = 25
    CONTINUATION_ON_ERROR_NOT_SUPPORTED = 26
    SERVER_LIMITS_EXCEEDED = 27
    SERVER_IS_SHUTTING_DOWN = 28
    QUERY_FEATURE_NOT_SUPPORTED = 29


class CimErrorHeader(StrEnum):
    """The values of the `CIMError` header."""

    NOT_WELL_FORMED = "request-not-well-formed"
    NOT_VALID = "request-not-valid"
    NOT_LOOSELY_VALID = "request-not-loosely-valid"
    HEADER_MISMATCH = "header-mismatch"
    UNSUPPORTED_OPERATION = "unsupported-operation"
    UNSUPPORTED_CIM_VERSION = "unsupported-cim-version"
    UNSUPPORTED_DTD_VERSION = "unsupported-dtd-version"
    UNSUPPORTED_PROTOCOL_VERSION = "unsupported-protocol-version"
    MULTIPLE_REQUESTS_UNSUPPORTED = "multiple-requests-unsupported"


class WbemError(Exception):
    """A request cannot be carried out; the two subclasses say at which level."""


class ProtocolError(WbemError):
    """The request is refused with an HTTP status and, where the standard has one, a CIMError."""

    def __init__(self, http_status: int, cim_error: CimErrorHeader | None, text: str) -> None:
        super().__init__(text)
        self.http_status = http_status
        self.cim_error = cim_error
        self.text = text


class OperationError(WbemError):
    """The operation is understood well enough to be answered with a CIM error."""

    def __init__(
        self,
        message_id: str,
        method: str,
        is_intrinsic: bool,
        cim_error: pywbem.CIMError,
        namespace: str = "",
    ) -> None:
        super().__init__(f"{method}: {cim_error}")
        self.message_id = message_id
        self.method = method
        self.is_intrinsic = is_intrinsic
        self.cim_error = cim_error
        self.namespace = namespace
        """Where the operation was to be; empty where even that cannot be read."""


def not_valid(text: str) -> ProtocolError:
    """Return the refusal of well-formed XML that is not a request of DSP0201."""
    return ProtocolError(400, CimErrorHeader.NOT_VALID, text)
