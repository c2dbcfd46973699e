"""Which names stand for a secret, and what is told instead of one, for all of the provider.

Owns: that word. The names are the cluster's own list, so that none grows here.
"""

from typing import Final

from ha_core.config.secrets import is_secret

__all__ = ["HIDDEN", "is_secret"]

HIDDEN: Final = "hidden"
"""As Linux-HA 2.1 has it. In texts of the cluster's own, which it reads again, it has brackets."""
