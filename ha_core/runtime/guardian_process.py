"""A process that the guardian holds for a resource.

Owns: what is known of it. Part of the guardian, hence: the standard library's smallest parts alone.
"""

import os


class Process:
    """A supervised process, from its fork until nothing of it is left."""

    def __init__(self, resource: str, request: int, pid: int, exec_fd: int) -> None:
        self.resource = resource
        self.start_request = request
        """The start that is not answered yet, or 0."""
        self.stop_request = 0
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.exec_fd = exec_fd
        """Ends when exec has succeeded, brings a sentence when it has failed; -1 once known."""
        self.kill_at_ms = 0
        self.was_killed = False
        self.why = ""
        """Why it is being ended, if the guardian ends it of its own accord."""
        self.status: int | None = None
        self.clear_until_ms = 0

    def is_ending(self) -> bool:
        """Return whether it is dead or about to be, so that another one must wait."""
        return self.status is not None or self.was_killed or self.stop_request != 0
