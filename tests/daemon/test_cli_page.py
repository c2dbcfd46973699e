"""docs/cli.md names every verb, every sub-verb and every exit code, in the program's own words."""

import re
from pathlib import Path

import click

from ha_core.cli.main import ha
from ha_core.cli.options import EXIT_CODES
from ha_core.commands import Outcome
from ha_core.runtime import daemon

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()
SUBVERBS_ELSEWHERE = ("lab",)
"""Verbs whose own page names their sub-verbs."""


def commands() -> dict[str, click.Command]:
    """Return every verb of the first level."""
    with ha.make_context("ha", [], resilient_parsing=True) as context:
        found = {name: ha.get_command(context, name) for name in ha.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def rows(page: str) -> dict[str, str]:
    """Return the table rows of the page by their first cell."""
    return dict(re.findall(r"^\| `?([^|`]+)`? \| (.+) \|$", page, re.MULTILINE))


def test_every_verb_and_sub_verb_is_in_the_page() -> None:
    missing = []
    for name, command in commands().items():
        row = rows(PAGE).get(f"ha {name}")
        if row is None:
            missing.append(name)
        elif isinstance(command, click.Group) and name not in SUBVERBS_ELSEWHERE:
            missing += [f"{name} {sub}" for sub in command.commands if sub not in row]
    assert not missing


def test_page_names_no_verb_that_does_not_exist() -> None:
    named = [cell.removeprefix("ha ") for cell in rows(PAGE) if cell.startswith("ha ")]
    assert sorted(named) == sorted(commands())


def test_exit_codes_of_both_programs_are_those_of_the_code() -> None:
    first, _, second = PAGE.partition("meaning of `had`'s end")
    for codes, text in ((EXIT_CODES, first), (daemon.EXIT_CODES, second)):
        for code, meaning in codes.items():
            said = rows(text.replace("`", "")).get(str(code), "")
            if code == 5 and codes is EXIT_CODES:
                assert said.startswith("invalid configuration")
            else:
                assert said == meaning, code


def test_list_of_verbs_begins_each_line_as_the_verb_s_own_help_does() -> None:
    listed = ha.get_help(click.Context(ha, info_name="ha"))
    for name, command in commands().items():
        line = re.search(rf"^  {name} +(\w+)", listed, re.MULTILINE)
        assert line is not None, name
        assert (command.help or "").startswith(line[1]), name


def test_codes_of_outcomes_are_all_explained() -> None:
    documented = re.findall(r"`([\w-]+)`", (Outcome.__doc__ or "").partition("Codes:")[2])
    assert documented
    for code in documented:
        assert f"`{code}`" in PAGE or f'"{code}"' in PAGE, code
