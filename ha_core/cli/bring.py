"""`ha import`: configurations of other cluster managers, turned into ours."""

from pathlib import Path
from typing import Final

import click

from ha_core.cli.options import Options, read_text, verb
from ha_core.config.heartbeat import import_directory
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
    imported = import_directory(_files(directory))
    if not options.as_json:
        for note in imported.notes:
            click.echo(f"note: {note}", err=True)
    value = {"yaml": imported.yaml_text, "notes": list(imported.notes)}
    options.show(value, imported.yaml_text.rstrip("\n"))


def _files(directory: Path) -> dict[str, str]:
    paths = sorted(path for path in directory.iterdir() if path.is_file())
    if len(paths) > FILES_MAX:
        raise ConfigError(f"{directory} holds {len(paths)} files, {FILES_MAX} are the most")
    return {path.name: read_text(path) for path in paths if path.stat().st_size <= FILE_BYTES_MAX}
