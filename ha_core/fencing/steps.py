"""The words of an errand: calls of an agent, pauses between them, and what came of it all."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, TypeAlias

from ha_core.config.model import FenceCall, FenceDevice
from ha_core.fencing import rules
from ha_core.ids import Millis, NodeName

OFF_CODE: Final = 2
"""Exit code of `status` (and of `monitor` of a device with one outlet): it is off.
Source: fence-agents, "FenceAgentAPI".
"""
WORDS_MAX: Final = 160
"""So many characters of what an agent says at the end are told on: some print pages of garbage."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call the agent; an `Answer` comes back."""

    action: FenceCall
    target: NodeName


@dataclass(frozen=True, slots=True)
class Pause:
    """Let time pass; nothing comes back."""

    for_ms: Millis


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended."""

    exit_code: int
    timed_out: bool = False
    text: str = ""
    duration_ms: Millis = 0

    @property
    def ok(self) -> bool:
        """True if the agent says that it is done (for status: that the outlet is on)."""
        return self.exit_code == 0 and not self.timed_out

    @property
    def is_off(self) -> bool:
        """True if a status says that the outlet is off."""
        return self.exit_code == OFF_CODE and not self.timed_out

    def told(self, action: str) -> str:
        """Return the answer in words."""
        if self.ok:
            return f"{action} succeeded in {self.duration_ms} ms"
        cut = f"{self.text[:WORDS_MAX]}..." if len(self.text) > WORDS_MAX else self.text
        words = f" ({cut})" if cut else ""
        if self.timed_out:
            return f"{action} was ended after {self.duration_ms} ms without an answer{words}"
        return f"{action} failed with exit code {self.exit_code}{words}"


@dataclass(frozen=True, slots=True)
class Note:
    """An event for the journal."""

    kind: str
    subject: str
    text: str
    why: str = ""
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What an errand has come to."""

    ok: bool
    text: str
    tested: tuple[tuple[NodeName, bool, str], ...] = ()
    """As in `messages.FenceReport`."""


Steps: TypeAlias = Generator[Call | Pause, Answer, Result]
"""An errand: yields its steps, is sent the answers to its calls, returns its result."""


def repeated(
    device: FenceDevice, action: FenceCall, target: NodeName
) -> Generator[Call | Pause, Answer, Answer]:
    """Yield a call until it gives an answer that counts, as often as the device allows."""
    answer = yield Call(action, target)
    for _ in range(rules.retries_of(device, action)):
        if answer.ok or (action is FenceCall.STATUS and answer.is_off):
            break
        yield Pause(rules.RETRY_PAUSE_MS)
        answer = yield Call(action, target)
    return answer
