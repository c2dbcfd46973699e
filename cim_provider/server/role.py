"""The three roles of users.

Owns: their names and their order, for those who keep users and need nothing of CIM.
"""

from enum import StrEnum


class Role(StrEnum):
    """What a user may do; each role may also do what the one before it may."""

    VIEW = "view"
    """Read everything."""
    OPERATE = "operate"
    """Call the methods that run the cluster, and subscribe to indications."""
    ADMINISTER = "administer"
    """Everything."""
