"""How long something that is asked for holds: the option, and its end by the wall clock."""

import re
import time
from typing import Final

import click

_UNITS: Final = {
    **{"": 1_000, "ms": 1, "s": 1_000, "m": 60_000, "min": 60_000},
    **{"h": 3_600_000, "d": 86_400_000},
}
_SHAPE: Final = re.compile(r"([0-9]{1,15})([a-z]*)", re.ASCII)
DAYS_MAX: Final = 3650
"""What is to hold for longer belongs into the configuration."""


class Duration(click.ParamType[int]):
    """A time such as 30s, 10m, 2h, 1d; a bare number is seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return milliseconds."""
        text = str(value)
        found = _SHAPE.fullmatch(text)
        factor = _UNITS.get(found[2]) if found else None
        if found is None or factor is None or not int(found[1]):
            self.fail(f"{text!r} is no time; write it as 30s, 10m, 2h or 1d", param, ctx)
        span_ms = int(found[1]) * factor
        if span_ms > DAYS_MAX * _UNITS["d"]:
            self.fail(f"{text!r} is too long; allowed: up to {DAYS_MAX}d", param, ctx)
        return span_ms


for_time = click.option(
    "--for",
    "--lifetime",
    "lifetime_ms",
    metavar="TIME",
    type=Duration(),
    help="How long it holds: 30s, 10m, 2h, 1d.",
)
"""The option of what ends by itself."""


def expiry(lifetime_ms: int | None) -> int | None:
    """Return when something that begins now is over, in ms of the wall clock; None: never."""
    return None if lifetime_ms is None else now_ms() + lifetime_ms


def now_ms() -> int:
    """Return the wall clock in ms."""
    return round(time.time() * 1000)
