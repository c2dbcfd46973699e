"""How long something that is asked for holds: the option, and its end by the wall clock."""

import time
from typing import Final

import click

_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Duration(click.ParamType[int]):
    """A time such as 30s, 10m, 2h, 1d; a bare number is seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return milliseconds."""
        text = str(value)
        number = text.rstrip("msdh")
        factor = _UNITS.get(text[len(number) :] or "s")
        if factor is None or not number.isdecimal() or not int(number):
            self.fail(f"{text!r} is no time; write it as 30s, 10m, 2h or 1d", param, ctx)
        return int(number) * factor


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
