"""Where the `ha` command begins: what programs ask often is answered before the verbs are known.

Owns: which command lines are so plain that nothing has to be parsed: `policy --cib FILE`, with or
without `--json`. Every other one, and whatever goes wrong, is for `main`.
"""

import gc
import os
import sys
from collections.abc import Sequence

from ha_core.errors import HaError


def main() -> None:
    """Run the command line."""
    plain = plainly_asked(sys.argv[1:])
    if plain is not None and os.path.isfile(plain[0]):  # a pipe cannot be read twice
        try:
            _plan(*plain)
        except (HaError, OSError):
            pass  # told by the verb, as all faults are
        else:
            return
    from ha_core.cli.main import main as run  # a third of the time that a small plan takes

    run()


def plainly_asked(words: Sequence[str]) -> tuple[str, bool] | None:
    """Return the CIB's file and whether JSON is wanted, if a plan for it is all that is asked."""
    match words:
        case ["policy", "--cib", file]:
            as_json = False
        case ["policy", "--cib", file, "--json"] | ["policy", "--json", "--cib", file]:
            as_json = True
        case _:
            return None
    return (file, as_json) if file and not file.startswith("-") else None


def _plan(file: str, as_json: bool) -> None:
    gc.disable()  # a plan makes no cycles worth a search, and much that would be searched
    from ha_core.cli.planned import planned, told

    sys.stdout.write(told(planned(file), as_json=as_json) + "\n")
    sys.stdout.flush()
