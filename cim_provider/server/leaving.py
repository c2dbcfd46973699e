"""What a machine's WBEM server forgets with its cluster; called by `ha leave`, `init` and `join`.

Owns: who may come in no more, and what it no longer shows as its own. A cluster made later on this
machine does not inherit the users of another one, nor a certificate that the other's authority has
signed; users that were set on this node alone (`--here`) and certificates that somebody gave it are
the machine's, and stay.
"""

from pathlib import Path

from cim_provider.server.layout import ServerLayout
from cim_provider.server.tls import CertificateError
from cim_provider.server.users import UserFile, UsersError


def forget_cluster(root: Path | None) -> tuple[str, ...] | str:
    """Remove the users that came from a cluster, and the certificate that it has signed.

    Returns sentences that say what has gone, or one that says why something cannot go.
    """
    layout = ServerLayout(root)
    try:
        names = UserFile(layout.users_file).forget_cluster()
    except UsersError as fault:
        return f"users of the cluster are left in {layout.users_file}: {fault}"
    told = [f"no users of its WBEM server any more: {', '.join(names)}"] if names else []
    try:
        if _forget_certificate(layout.certificate_file):
            told.append("its WBEM server has no certificate of that cluster any more")
    except (OSError, ValueError, CertificateError) as fault:
        return f"the cluster's certificate is left in {layout.certificate_file}: {fault}"
    return tuple(told)


def _forget_certificate(file: Path) -> bool:
    if not file.exists():
        return False
    # The library that reads certificates is large: not for who has none.
    from cim_provider.server.certificate import is_of_cluster

    if not is_of_cluster(file):
        return False
    file.unlink()
    return True
