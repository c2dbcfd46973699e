"""What can be wrong with a query.

Owns: the one exception, and the statuses that it can mean. Each text names what
is wrong and what is understood instead.
Source: DSP0200 1.4, section 5.2 (status codes 5, 14, 15 and 29).
"""

from typing import NoReturn

from cim_provider.wbem.errors import Status


class QueryFault(Exception):
    """A query cannot be carried out; `status` says how the client is told."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def invalid(text: str) -> NoReturn:
    """Raise the fault of a query that is no query of its language."""
    raise QueryFault(Status.INVALID_QUERY, text)


def unsupported(what: str) -> NoReturn:
    """Raise the fault of a query that uses a feature which is not in our subset."""
    raise QueryFault(Status.QUERY_FEATURE_NOT_SUPPORTED, f"query feature not supported: {what}")
