"""Which parameters hold a secret, and which name the file that holds one.

Owns: these names. What is secret stands in no list of differences, log line or event.
"""

import re
from typing import Final

_SECRET: Final = r"(?:.*passw(?:or)?d|.*passphrase|.*secret|.*token|community)"
_NAME: Final = re.compile(_SECRET, re.IGNORECASE)
_FILE: Final = re.compile(rf"{_SECRET}_file", re.IGNORECASE)
HIDDEN: Final = "(hidden)"


def is_secret(name: str) -> bool:
    """Return whether a parameter of that name holds a secret itself."""
    return bool(_NAME.fullmatch(name))


def is_secret_file(name: str) -> bool:
    """Return whether it names a file; the secret is given under the name without `_file`."""
    return bool(_FILE.fullmatch(name))
