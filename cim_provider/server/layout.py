"""Where the WBEM server keeps its files below a root.

Owns: the names of directories and files. They are those of the cluster's own
layout where both meet, and stand here again because the server does not know
the cluster. Makes none of them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSTEM_ETC: Final = Path("/etc/beatkeeper")
SYSTEM_LIB: Final = Path("/var/lib/beatkeeper")
SYSTEM_RUN: Final = Path("/run/beatkeeper")


@dataclass(frozen=True, slots=True)
class ServerLayout:
    """Paths of one server; `root` None means the system's own directories."""

    root: Path | None = None

    @property
    def etc(self) -> Path:
        """Directory of what an administrator gives."""
        return SYSTEM_ETC if self.root is None else self.root / "etc"

    @property
    def run(self) -> Path:
        """Directory of what need not survive a reboot."""
        return SYSTEM_RUN if self.root is None else self.root / "run"

    @property
    def state(self) -> Path:
        """Directory of what the server itself keeps: belongs to the user that it runs as."""
        return (SYSTEM_LIB if self.root is None else self.root / "lib") / "cimd"

    @property
    def audit_file(self) -> Path:
        """Who changed what over WBEM, a line of JSON each."""
        return self.state / "audit.log"

    @property
    def indications_file(self) -> Path:
        """What listeners were told last, SQLite."""
        return self.state / "indications.db"

    @property
    def settings_file(self) -> Path:
        """Optional settings, YAML."""
        return self.etc / "cimd.yaml"

    @property
    def private(self) -> Path:
        """Directory of secrets: belongs to the user that the server runs as."""
        return self.etc / "cimd"

    @property
    def users_file(self) -> Path:
        """Users with their salted password hashes."""
        return self.private / "users"

    @property
    def certificate_file(self) -> Path:
        """Certificate of the server, PEM; a chain may follow it."""
        return self.private / "certificate.pem"

    @property
    def key_file(self) -> Path:
        """Private key of the certificate, PEM; readable by its owner alone."""
        return self.private / "key.pem"

    @property
    def state_file(self) -> Path:
        """Addresses and process id of the running server, JSON."""
        return self.run / "cimd.json"
