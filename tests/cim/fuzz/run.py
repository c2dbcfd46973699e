"""Fuzzes for as long as wanted: `make fuzz`, or one seed again.

    python -m tests.cim.fuzz.run [--target http] [--inputs 1000000] [--seed 1]
    python -m tests.cim.fuzz.run --target xml --atheris [options of libFuzzer]

Without atheris every input follows from its number. One for which a promise is
broken is written to `found/` beside the corpus, and ends the run; as an entry of
the corpus it stays a test. Memory is looked at after each tenth of the inputs:
it must not grow from the second on.
"""

import argparse
import logging
import random
import sys
import tempfile
import time

import psutil

from tests.cim.fuzz.mutation import CORPUS, corpus, mutated

GROWTH_MAX = 0.05
FOUND = CORPUS.parent / "found"


def main() -> int:
    """Fuzz; an input for which a promise is broken ends it with its exception."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=("http", "xml"), default="http")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true")
    options, rest = parser.parse_known_args()
    logging.disable(logging.CRITICAL)
    if options.atheris:
        return led_by_coverage(options.target, rest)
    return by_number(options.target, options.inputs, options.seed)


def by_number(name: str, inputs: int, seed: int) -> int:
    """Try so many inputs, the first one with this number."""
    from tests.cim.fuzz.targets import Bench, targets

    target, entries = targets(Bench())[name], corpus(name)
    process, sizes, begin_s = psutil.Process(), [], time.monotonic()
    for number in range(seed, seed + inputs):
        data = mutated(entries, random.Random(number))
        with Keeping(name, number, data):
            target(data)
        if (number - seed + 1) % max(1, inputs // 10) == 0:
            sizes.append(process.memory_info().rss)
            rate = (number - seed + 1) / (time.monotonic() - begin_s)
            tell(f"{number - seed + 1} inputs, {sizes[-1] / 1e6:.1f} MB, {rate:.0f} a second")
    growth = sizes[-1] / sizes[min(1, len(sizes) - 1)] - 1
    tell(f"{name}: {inputs} inputs, nothing found, memory grew by {growth:.1%}")
    return int(growth > GROWTH_MAX)


def led_by_coverage(name: str, rest: list[str]) -> int:
    """Let atheris choose the inputs, by which lines of the server they reach."""
    try:
        import atheris
    except ImportError:
        tell("atheris is not installed: pip install 'beatkeeper[fuzz]'")
        return 2
    with atheris.instrument_imports(include=["cim_provider"], enable_loader_override=False):
        from tests.cim.fuzz.targets import Bench, targets

    target = targets(Bench())[name]
    FOUND.mkdir(exist_ok=True)

    def once(data: bytes) -> None:
        target(data)

    with tempfile.TemporaryDirectory() as new:  # it writes what it finds new into the first one
        arguments = [sys.argv[0], f"-artifact_prefix={FOUND}/", *rest, new, str(CORPUS / name)]
        atheris.Setup(arguments, once)
        atheris.Fuzz()
    return 0


def tell(text: str) -> None:
    """Tell it at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Keeping:
    """Writes an input to a file if it leads to any exception, which goes on its way."""

    def __init__(self, name: str, number: int, data: bytes) -> None:
        self._place, self._data = FOUND / f"{name}-{number}", data

    def __enter__(self) -> None:
        """Nothing is done before."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            FOUND.mkdir(exist_ok=True)
            self._place.write_bytes(self._data)
            tell(f"the input is in {self._place}")


if __name__ == "__main__":
    sys.exit(main())
