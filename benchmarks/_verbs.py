"""`ha` as the benchmarks call it."""

import json
import subprocess
import sys
from typing import Any, Final

HA: Final = (sys.executable, "-c", "from ha_core.cli.main import main; main()")


def ha(*arguments: str) -> Any:
    """Run a verb with --json and return what it printed."""
    done = subprocess.run([*HA, *arguments, "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"ha {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None
