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


def status(lab: dict[str, Any], asked: str) -> dict[str, Any]:
    """Return a node's `ha status`."""
    found = ha("--root", lab["nodes"][asked]["root"], "status")
    assert isinstance(found, dict)
    return found


def events(lab: dict[str, Any], asked: str, since: int = 0) -> list[dict[str, Any]]:
    """Return the journal as a node has it, above that number."""
    root = lab["nodes"][asked]["root"]
    done = subprocess.run(
        [*HA, "--root", root, "events", "--since", str(since), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
