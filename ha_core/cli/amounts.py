"""Numbers of things in words: one node, two nodes."""


def amount(count: int, noun: str) -> str:
    """Return the count with its noun, which ends with an s for all but one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
