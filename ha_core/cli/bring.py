"""`ha import`: configurations of other cluster managers, turned into ours."""

from pathlib import Path
from typing import Final

import click

from ha_core.cli.options import Options, verb
from ha_core.config.heartbeat import AUTHKEYS, FILES_READ, RESOURCE_D, import_directory
from ha_core.errors import ConfigError

FILES_MAX: Final = 1_000
FILE_BYTES_MAX: Final = 1_048_576


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
    """Print what Heartbeat's ha.cf and haresources in DIR mean, as our YAML.

    Remarks go to standard error; check the result with 'ha verify', then 'ha apply' it.
    """
    imported = import_directory(_files(directory), str(directory))
    if not options.as_json:
        for note in imported.notes:
            click.echo(f"note: {note}", err=True)
    value = {"yaml": imported.yaml_text, "notes": list(imported.notes)}
    options.show(value, imported.yaml_text.rstrip("\n"))


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
