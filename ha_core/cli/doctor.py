"""`ha doctor`: what an administrator would look for by hand, found, weighed, and with its cure.

Owns: the verb, and findings as text and as JSON. What is judged is `ha_core.doctor`.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import click

from ha_core.cli.amounts import amount
from ha_core.cli.look import look
from ha_core.cli.options import EXIT_OF_FINDINGS, Options, run, verb
from ha_core.doctor.examine import examine
from ha_core.doctor.facts import Examined
from ha_core.doctor.findings import Finding, Severity, worst

WIDTH: Final = 100
_COLOURS: Final = {
    Severity.OK: "green",
    Severity.NOTICE: "cyan",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "red",
}


@click.command()
@click.option("--verbose", "-v", is_flag=True, help="Also every check that found nothing wrong.")
@verb
def doctor(options: Options, verbose: bool) -> None:
    """Examine this node and its cluster, and name what is wrong, why it matters and what mends it.

    Nothing is changed. It works without the daemon, too, and then says less. The exit code tells
    the worst finding: 0 nothing, or notices alone; 6 a warning; 7 something critical.
    """
    examined = run(look(options.root)).examined
    findings = examine(examined)
    options.show(value(examined, findings), text(examined, findings, is_verbose=verbose))
    code = EXIT_OF_FINDINGS.get(worst(findings), 0)
    if code:
        raise click.exceptions.Exit(code)


def value(examined: Examined, findings: Sequence[Finding]) -> dict[str, object]:
    """Return what `ha doctor --json` prints."""
    seen = examined.snapshot
    return {
        "worst": worst(findings),
        "cluster": seen.configuration.name if seen is not None else None,
        "node": seen.local if seen is not None else examined.machine.node or None,
        "time": examined.at_wall_ms / 1000,
        "findings": [
            {
                "severity": each.severity,
                "check": each.check,
                "subject": each.subject,
                "text": each.text,
                "why": each.why,
                "cure": each.cure,
            }
            for each in findings
        ],
    }


def text(examined: Examined, findings: Sequence[Finding], *, is_verbose: bool) -> str:
    """Return what `ha doctor` prints for people."""
    bad = [each for each in findings if each.severity is not Severity.OK]
    well = [each for each in findings if each.severity is Severity.OK]
    parts = [_heading(examined, findings)]
    parts += ["\n".join(_bad(each)) for each in bad]
    if is_verbose:
        parts.append("\n".join(f"{_word(each)}  {each.check:<12}  {each.text}" for each in well))
    elif well:
        names = ", ".join(dict.fromkeys(each.check for each in well))
        parts.append("\n".join(_wrapped(f"well: {names} (-v says more)", "")))
    return "\n\n".join(part for part in parts if part)


def _heading(examined: Examined, findings: Sequence[Finding]) -> str:
    seen = examined.snapshot
    who = f"node {examined.machine.node or 'of this machine'}, without its daemon"
    if seen is not None:
        who = f"cluster {seen.configuration.name}, examined from {seen.local}"
    count = Counter(each.severity for each in findings)
    parts = [
        f"{count[Severity.CRITICAL]} critical",
        amount(count[Severity.WARNING], "warning"),
        amount(count[Severity.NOTICE], "notice"),
    ]
    shown = [part for part in parts if not part.startswith("0 ")]
    verdict = ", ".join(shown) or "nothing is wrong"
    return f"{who}: {verdict}; {amount(count[Severity.OK], 'check')} found nothing"


def _bad(finding: Finding) -> Iterable[str]:
    """Yield the lines of a finding, each of its parts beginning where the eye looks for it."""
    head = f"{_word(finding)}  {click.style(finding.check, bold=True)}: "
    plain = f"{finding.severity:<8}  {finding.check}: "
    first, *rest = _wrapped(finding.text, " " * 10, len(plain))
    yield f"{head}{first}"
    yield from rest
    for label, words in (("why", finding.why), ("do", finding.cure)):
        if words:
            lines = _wrapped(words, " " * 16, 16)
            yield f"{' ' * 10}{label:<4}  {lines[0]}"
            yield from lines[1:]


def _wrapped(words: str, indent: str, begin: int = 0) -> list[str]:
    """Return the words in lines; the first one begins so far to the right."""
    lines = textwrap.wrap(
        words,
        WIDTH,
        initial_indent=" " * begin,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [lines[0].lstrip(), *lines[1:]] if lines else [""]


def _word(finding: Finding) -> str:
    return click.style(f"{finding.severity.upper():<8}", fg=_COLOURS[finding.severity])
