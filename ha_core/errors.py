"""The error tree: every error raised on purpose, with a stable code for each leaf.

Rule: a bug is an `assert`; bad input from outside is an exception of this
tree; an expected outcome (no quorum, refused, agent failed) is a value.
"""


class HaError(Exception):
    """Base of all errors raised on purpose; `code` is stable and documented."""

    code = "error"


class ConfigError(HaError):
    """The configuration is not acceptable; `faults` lists every fault found."""

    code = "config"

    def __init__(self, faults: "tuple[str, ...] | list[str] | str") -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class WireError(HaError):
    """A datagram or frame cannot be accepted; the text says why."""

    code = "wire"


class StoreError(HaError):
    """The node's database cannot be read or written; the text names the file and the cure."""

    code = "store"


class RefusedError(HaError):
    """The cluster refused a command; `code` says which rule, the text says the cure."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ConnectError(HaError):
    """The node's daemon cannot be reached; the text says how to start it."""

    code = "connect"
