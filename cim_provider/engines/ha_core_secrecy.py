"""Which names stand for a secret: the cluster's own list, for all of the provider.

Owns: nothing but that door, so that no list of its own grows here.
"""

from ha_core.config.secrets import is_secret

__all__ = ["is_secret"]
