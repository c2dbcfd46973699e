"""Cuts in a lab's network that its nodes cannot see: every carrier stays up.

A table of nftables on the bridges of the lab's switch drops frames by the port they come from or
go to. What the prober puts on a cable passes no bridge, so it is never cut.
"""

import subprocess
from collections.abc import Iterable

from ha_core.lab.state import Lab

LOSS_PERCENT = 20
_TABLE = f"""
table bridge cuts {{
  set out_of {{ type ifname; }}
  set into {{ type ifname; }}
  set lossy {{ type ifname; }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname @out_of drop
    oifname @into drop
    iifname @lossy numgen random mod 100 < {LOSS_PERCENT} drop
    oifname @lossy numgen random mod 100 < {LOSS_PERCENT} drop
  }}
}}
"""


class Cuts:
    """What is cut; made once for a lab that is up."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._switch = f"{lab.namespaces}_switch"
        self._nft(_TABLE)

    def ports(self, node: str, links: Iterable[int] = (0, 1)) -> list[str]:
        """Return the switch's ports to which the node's cables go, in the order of its links."""
        names = [item.name for item in self._lab.nodes]
        return [f"n{names.index(node) + 1}-{link}" for link in links]

    def isolate(self, node: str, links: Iterable[int] = (0, 1)) -> None:
        """Let nothing through, either way."""
        self._change("add", ("into", "out_of"), self.ports(node, links))

    def deafen(self, node: str) -> None:
        """Let nothing through to the node."""
        self._change("add", ("into",), self.ports(node))

    def silence(self, node: str) -> None:
        """Let nothing through from the node."""
        self._change("add", ("out_of",), self.ports(node))

    def thin(self, node: str) -> None:
        """Lose a fifth of all frames, both ways, on all links."""
        self._change("add", ("lossy",), self.ports(node))

    def heal(self) -> None:
        """Let everything through."""
        self._nft(
            "\n".join(f"flush set bridge cuts {name}" for name in ("into", "out_of", "lossy"))
        )

    def carrier(self, node: str, link: int, *, is_up: bool) -> None:
        """Pull one cable out, or plug it in: this the node sees."""
        (port,) = self.ports(node, (link,))
        self._ip("link", "set", port, "up" if is_up else "down")

    def _change(self, verb: str, sets: Iterable[str], ports: Iterable[str]) -> None:
        elements = ", ".join(f'"{port}"' for port in ports)
        self._nft("\n".join(f"{verb} element bridge cuts {name} {{ {elements} }}" for name in sets))

    def _nft(self, text: str) -> None:
        command = ["ip", "netns", "exec", self._switch, "nft", "-f", "-"]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", "-n", self._switch, *words], check=True, capture_output=True)
