"""A configuration that goes out as a CIB and comes in again is the very same one."""

from hypothesis import given, settings

from ha_core.config.cib import export_cib, import_cib
from ha_core.config.model import Configuration
from ha_core.config.parse import parse_text
from tests.core.config.draw import configurations


@settings(max_examples=60)
@given(configurations())
def test_what_is_exported_and_imported_is_the_same_and_leaves_nothing_to_tell(
    configuration: Configuration,
) -> None:
    imported = import_cib(export_cib(configuration).encode(), "cib.xml")
    assert parse_text(imported.yaml_text, "imported.yaml") == configuration
    assert not imported.notes
