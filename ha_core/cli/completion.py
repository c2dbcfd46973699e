"""`ha completion`: the script that lets a shell complete verbs, options and arguments."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL, as in: source <(ha completion bash)."""
    root = click.get_current_context().find_root().command
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(root, {}, "ha", "_HA_COMPLETE").source())
