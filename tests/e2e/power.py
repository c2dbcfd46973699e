"""The power switch of a lab: the fence agent in tests/fencing, and what it was called with."""

from pathlib import Path
from typing import Final

from tests.e2e.laboratory import HA, Laboratory

SWITCH: Final = Path(__file__).parents[1] / "fencing" / "fence_lab"
LOG: Final = "switch.log"
"""Where the switch is to note its calls, beside the lab's directory."""


def starter(directory: Path) -> Path:
    """Write the command that the switch starts nodes with; return where it is."""
    ha = directory / "ha"
    ha.write_text(f'#!/bin/sh\nexec {" ".join(HA)} "$@"\n')
    ha.chmod(0o755)
    return ha


def switched(lab: Laboratory) -> list[str]:
    """Return what the switch was called with, without mere looks."""
    log = lab.directory.parent / LOG
    lines = log.read_text().splitlines() if log.exists() else []
    return [line for line in lines if line.split()[0] in ("off", "on", "reboot")]
