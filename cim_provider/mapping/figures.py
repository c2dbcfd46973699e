"""All classes of figures, in one list.

Owns: the order in which they are shown.
"""

from typing import Final

from cim_provider.mapping import figures_agents, figures_metrics, figures_statistics

ROWS: Final = (*figures_statistics.ROWS, *figures_metrics.ROWS, *figures_agents.ROWS)
"""The classes."""
ASSOCIATIONS: Final = (
    *figures_statistics.ASSOCIATIONS,
    *figures_metrics.ASSOCIATIONS,
    *figures_agents.ASSOCIATIONS,
)
"""The associations."""
