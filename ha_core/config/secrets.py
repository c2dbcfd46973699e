"""Which parameters hold a secret, and which name the file that holds one.

Owns: these names, for the cluster and for whoever shows something of it. What is secret stands in
no list of differences, answer, log line, event or fault.
"""

import re
from typing import Final

_WORD: Final = r".*passw(?:or)?d|.*passphrase|.*secret|.*token|(?:.*\W)?community"
_SHORT: Final = r"(?:.*[-_.])?(?:pass|passcode|pwd|psk)"
_KEY: Final = (
    r".*(?:auth|api|access|private|shared|secret|session|encryption|hmac|master|signing)[-_.]?key"
)
_NAME: Final = re.compile(
    rf"(?:{_WORD}|.*credentials?|{_SHORT}|{_KEY})\d*", re.IGNORECASE | re.DOTALL
)
_FILE: Final = re.compile(rf"(?:{_WORD})_file", re.IGNORECASE)
HIDDEN: Final = "(hidden)"


def is_secret(name: str) -> bool:
    """Return whether a parameter of that name holds a secret itself.

    The name may be a path that ends with it, such as `resources.db.parameters.password`.
    """
    return bool(_NAME.fullmatch(name))


def is_secret_file(name: str) -> bool:
    """Return whether it names a file; the secret is given under the name without `_file`."""
    return bool(_FILE.fullmatch(name))
