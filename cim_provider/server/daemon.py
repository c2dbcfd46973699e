"""`ha-cimd`: runs the WBEM server and keeps its users.

Owns: the command line, the exit codes and where the log goes. The server
itself is `service`.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Final, NoReturn, ParamSpec

import click

from cim_provider.server.layout import ServerLayout
from cim_provider.server.role import Role
from cim_provider.server.settings import SettingsError, override, read_settings
from cim_provider.server.users import (
    Proof,
    User,
    UserFile,
    UsersError,
    check_name,
    hash_password,
)
from cim_provider.server.verbs import ROOT_VARIABLE, read_password, user
from cim_provider.server.vital import BrokenError

EXIT_FAILED: Final = 1
EXIT_BROKEN: Final = 70
"""Work in the background has ended; a supervisor may start it again. Source: sysexits(3)."""
LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"

_P = ParamSpec("_P")

_root = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=ROOT_VARIABLE,
    help="Directory of the node's etc, lib and run; the system's by default.",
)


def _explained(verb: Callable[_P, None]) -> Callable[_P, None]:
    """End with one sentence and exit code 1 where the verb raises an error of users or settings."""

    @wraps(verb)
    def explained(*arguments: _P.args, **options: _P.kwargs) -> None:
        try:
            verb(*arguments, **options)
        except (UsersError, SettingsError) as fault:
            _fail(fault)

    return explained


def _fail(fault: Exception, code: int = EXIT_FAILED) -> NoReturn:
    click.echo(f"ha-cimd: {fault}", err=True)
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="beatkeeper")
def main() -> None:
    """The WBEM server of a cluster node: CIM-XML over HTTP and HTTPS."""


@main.command()
@_root
@click.option("--http-port", type=click.IntRange(0, 65_535), help="Default 5988; 0: any free one.")
@click.option("--https-port", type=click.IntRange(0, 65_535), help="Default 5989; 0: any free one.")
@click.option(
    "--bind",
    multiple=True,
    metavar="ADDR",
    help="Address to listen on; may be given again. Default: HTTPS on all; HTTP on loopback alone.",
)
@click.option("--no-http", is_flag=True, help="Offer HTTPS alone.")
@click.option(
    "--clear-text", is_flag=True, help="Offer HTTP beyond loopback, too: passwords can be read."
)
@_explained
def run(
    root: Path | None,
    http_port: int | None,
    https_port: int | None,
    bind: tuple[str, ...],
    no_http: bool,
    clear_text: bool,
) -> None:
    """Run the server until SIGTERM or SIGINT.

    Settings come from etc/cimd.yaml below the root; options win over them. When clients may
    come, a line READY with the addresses is written to standard error, and run/cimd.json.
    """
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    layout = ServerLayout(root)
    settings = override(
        read_settings(layout.settings_file),
        http_port=http_port,
        https_port=https_port,
        bind=bind,
        no_http=no_http,
        clear_text=clear_text,
    )
    # Loading what CIM needs takes a while: those who only set a password need not wait for it.
    from cim_provider.server.lean import load_pywbem

    load_pywbem()
    from cim_provider.server.service import START_ERRORS, serve

    try:
        asyncio.run(serve(settings, layout))
    except START_ERRORS as fault:
        _fail(fault)
    except BrokenError as fault:
        _fail(fault, EXIT_BROKEN)


@main.command()
@click.argument("name", metavar="USER")
@_root
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="What the user may do. Default: as it was; everything, if it is new.",
)
@click.option("--observer", "role", flag_value=Role.VIEW.value, hidden=True)
@click.option("--operator", "role", flag_value=Role.OPERATE.value, hidden=True)
@_explained
def passwd(name: str, root: Path | None, role: str | None) -> None:
    """Set the password of USER, who is added if new.

    The password is asked for twice on a terminal, and is otherwise the first line of standard
    input.
    """
    check_name(name)
    file = UserFile(ServerLayout(root).users_file)
    known = file.read().get(name)
    before = known if known is not None else User(name, Proof.NONE, Role.ADMINISTER)
    wanted = before.role if role is None else Role(role)
    file.put(replace(before, password=hash_password(read_password(name, None)), role=wanted))
    click.echo(f"password of {name} set ({wanted}) in {file.path}")


main.add_command(user)


if __name__ == "__main__":
    main()
