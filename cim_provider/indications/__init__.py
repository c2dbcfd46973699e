"""Indications: who is told what, the shelf on which it stands until it is told, and the telling."""
