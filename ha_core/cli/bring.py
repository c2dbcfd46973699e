"""`ha import`: configurations of other cluster managers, turned into ours."""

import sys
from pathlib import Path
from typing import Final

import click

from ha_core.cli.options import Options, verb
from ha_core.config.cib import import_cib
from ha_core.config.heartbeat import AUTHKEYS, FILES_READ, RESOURCE_D, import_directory
from ha_core.errors import ConfigError

FILES_MAX: Final = 1_000
FILE_BYTES_MAX: Final = 1_048_576
CIB_BYTES_MAX: Final = 268_435_456
"""Most of a large one is its history, which is not wanted and must be read all the same."""


@click.group("import")
def bring() -> None:
    """Turn the configuration of another cluster manager into ours."""


@bring.command()
@click.argument(
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@verb
def heartbeat(options: Options, directory: Path) -> None:
    """Print what Heartbeat's files in DIR mean, as our YAML.

    These are ha.cf and haresources. Remarks go to standard error; check the result with 'ha
    verify', then 'ha apply' it.
    """
    imported = import_directory(_files(directory), str(directory))
    _show(options, imported.yaml_text, imported.notes)


@bring.command()
@click.argument(
    "file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)
)
@verb
def cib(options: Options, file: Path) -> None:
    """Print what a Pacemaker CIB means, as our YAML.

    FILE is XML, as 'cibadmin --query' prints it (-: standard input). Whatever has no place here
    goes to standard error, each with its line and why; check the result with 'ha verify', then
    'ha apply' it.
    """
    imported = import_cib(_cib(file), "standard input" if str(file) == "-" else str(file))
    _show(options, imported.yaml_text, imported.notes)


def _show(options: Options, yaml_text: str, notes: tuple[str, ...]) -> None:
    if not options.as_json:
        for note in notes:
            click.echo(f"note: {note}", err=True)
    options.show({"yaml": yaml_text, "notes": list(notes)}, yaml_text.rstrip("\n"))


def _cib(file: Path) -> bytes:
    """Return the file's bytes: the XML itself says how they are to be read."""
    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(CIB_BYTES_MAX + 1)
        else:
            with file.open("rb") as opened:
                raw = opened.read(CIB_BYTES_MAX + 1)
    except OSError as fault:
        raise ConfigError(f"cannot read {file}: {fault.strerror}") from fault
    if len(raw) > CIB_BYTES_MAX:
        raise ConfigError(f"{file} is too long; allowed: {CIB_BYTES_MAX} bytes at most")
    return raw


def _files(directory: Path) -> dict[str, str]:
    """Return the texts that the import reads, and the names alone of all other files."""
    try:
        paths = [*directory.iterdir(), *directory.glob(f"{RESOURCE_D}*")]
    except OSError as fault:
        raise ConfigError(f"cannot read {directory}: {fault.strerror}") from fault
    if len(paths) > FILES_MAX:
        raise ConfigError(f"{directory} holds {len(paths)} files; allowed: {FILES_MAX} at most")
    names = {str(path.relative_to(directory)): path for path in sorted(paths) if path.is_file()}
    return {name: _text(path) if name in FILES_READ else "" for name, path in names.items()}


def _text(path: Path) -> str:
    """Return the file's text. Such files are old: where comments are no UTF-8, that is no fault."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as fault:
        if path.name == AUTHKEYS:
            return ""  # nothing of it is wanted but the methods, and it is root's
        raise ConfigError(f"cannot read {path}: {fault.strerror}") from fault
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigError(f"{path} is too long; allowed: {FILE_BYTES_MAX} bytes at most")
    return raw.decode("utf-8", "replace")
