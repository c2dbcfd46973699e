"""How a file names the parts of a rule's condition: shared by who reads and who writes them."""

from typing import Final

MOMENTS: Final = {name: f"{name}_wall_ms" for name in ("after", "before", "from", "to")}
COMPARED: Final = {
    **{name: name for name in ("attribute", "operation", "value")},
    **{"type": "value_type", "value_from": "value_from"},
}
