"""What a machine's WBEM server forgets with its cluster; called by `ha leave`, `init` and `join`.

Owns: who may come in no more. A cluster made later on this machine does not inherit the users of
another one; those that were set on this node alone (`--here`) are the machine's, and stay.
"""

from pathlib import Path

from cim_provider.server.layout import ServerLayout
from cim_provider.server.users import UserFile, UsersError


def forget_cluster(root: Path | None) -> tuple[str, ...] | str:
    """Remove the users that came from a cluster; return their names, or why that cannot be done."""
    file = ServerLayout(root).users_file
    try:
        return UserFile(file).forget_cluster()
    except UsersError as fault:
        return f"users of the cluster are left in {file}: {fault}"
