"""A claim of the guardian, and how long the kernel keeps its address if nobody else removes it.

Owns: the second layer below the kernel gate. An address is put on its interface
for whole seconds beyond the lease, and these are renewed by the guardian, which
alone adds and removes: should it and the daemon both stand still, the kernel
removes the address by itself. Behind a kernel gate that may take longer, for
each renewal looks like a change to whoever watches addresses. Part of the
guardian, hence: the standard library's smallest parts alone, and no disk.
Source: linux/if_addr.h, ifa_cacheinfo; rtnetlink(7).
"""

import socket
import struct
from typing import Final

from ha_core.runtime import guardian_os as kernel

_FLAGS: Final = struct.Struct("=H")
_FLAGS_AT: Final = 6
_REPLACE: Final = 0x1 | 0x4 | 0x100  # NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE
_CACHEINFO: Final = struct.Struct("=IIII")  # preferred, valid, created, changed


class Claim:
    """An address held: an abstract socket nobody else can bind, or an address on an interface.

    `add` ends with the lifetimes of the address. They are to be `spare_s` longer than the lease,
    and are renewed when half of that is over; with 0 they stay as given.
    """

    def __init__(
        self, holder: socket.socket | None, add: bytes, remove: bytes, *, spare_s: int
    ) -> None:
        self.holder = holder
        self.remove = remove
        self._add = add
        self._spare_s = spare_s
        self._kept_ms = 0

    def put(self, until_ms: int) -> str:
        """Put the address on its interface; return the name of an error, or nothing."""
        if not self._spare_s:
            return kernel.send_netlink(self._add)
        self._kept_ms = kernel.now_ms()
        return kernel.send_netlink(lasting(self._add, until_ms - self._kept_ms, self._spare_s))

    def keep(self, until_ms: int) -> None:
        """Renew the lifetimes, if it is time to."""
        now_ms = kernel.now_ms()
        is_due = self._spare_s and now_ms - self._kept_ms >= self._spare_s * 500
        if is_due and until_ms > now_ms:
            self._kept_ms = now_ms
            request = bytearray(lasting(self._add, until_ms - now_ms, self._spare_s))
            _FLAGS.pack_into(request, _FLAGS_AT, _REPLACE)
            kernel.send_netlink(bytes(request))


def lasting(add: bytes, left_ms: int, spare_s: int) -> bytes:
    """Return the request with lifetimes for a lease that runs for so long, in whole seconds."""
    seconds = -(-left_ms // 1000) + spare_s
    return add[: -_CACHEINFO.size] + _CACHEINFO.pack(seconds, seconds, 0, 0)
