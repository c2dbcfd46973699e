"""Questions before what cannot be undone: who does not say yes, or cannot be asked, has said no."""

import click

from ha_core.errors import RefusedError

_SCRIPTS = "scripts say --yes"


def sure(question: str) -> None:
    """Ask whether something is certainly so. Raises RefusedError: it was not said."""
    try:
        is_yes = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        is_yes = False
    if not is_yes:
        raise RefusedError("unsafe", f"nothing was done, as the answer was not yes; {_SCRIPTS}")


def repeated(question: str, name: str) -> None:
    """Have a name typed. Raises RefusedError: it was not."""
    try:
        answer = click.prompt(question, err=True, default="", show_default=False)
    except click.Abort:
        click.echo(err=True)
        answer = ""
    if answer != name:
        raise RefusedError("unsafe", f"nothing was done, as the answer was not {name}; {_SCRIPTS}")
