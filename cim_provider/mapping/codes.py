"""What the methods of the cluster's objects return, and what a refusal comes to.

Owns: the codes, and the table from the cluster's words to them.
Source: DMTF CIM Schema 2.41 (Final), CIM_EnabledLogicalElement.RequestStateChange.
"""

from enum import IntEnum
from typing import Final

from cim_provider.engine import Refused
from cim_provider.wbem.errors import Status


class Code(IntEnum):
    """What a method returns; from 32768 on the numbers are our own."""

    COMPLETED = 0
    NOT_SUPPORTED = 1
    NOT_IN_TIME = 3
    FAILED = 4
    INVALID_PARAMETER = 5
    JOB_STARTED = 4096
    INVALID_TRANSITION = 4097
    NO_TIMEOUT = 4098
    BUSY = 4099
    NO_QUORUM = 32768
    UNSAFE = 32769
    NOT_MANAGED = 32771
    UNKNOWN_NODE = 32772


CODES: Final = {"busy": Code.BUSY, "no-quorum": Code.NO_QUORUM, "unsafe": Code.UNSAFE}
"""Refusals that a number tells, by the cluster's code."""
STATUSES: Final = {"denied": Status.ACCESS_DENIED, "not-found": Status.NOT_FOUND}
"""Refusals that are an error of the call where no number tells them."""
_WITH_WORDS: Final = {
    **CODES,
    "invalid": Code.INVALID_PARAMETER,
    "not-found": Code.INVALID_PARAMETER,
    "timeout": Code.NOT_IN_TIME,
}


def code_of(refused: Refused) -> Code:
    """Return the code of a refusal whose words are told beside it."""
    return _WITH_WORDS.get(refused.code, Code.FAILED)
