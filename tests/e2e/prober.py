"""Asks every node of a lab, on the node's own cable, whether it answers for a service address.

A process of its own in the lab's switch. Every 5 ms it puts two questions on the cable of each
node: an ARP request for the service address, and a datagram to the service behind it. The
frames pass neither the bridge nor a cut of the network, so a node is asked whatever
side of a partition it is on; and an answer belongs to the node on whose cable it came.

Usage: python prober.py NAMESPACE OUTPUT JSON, where JSON is {"address", "port", "client",
"nodes": {NAME: [interface, its own address]}}. OUTPUT gets a line for each answer: kind, node,
when the question was sent, when the answer was read (ns, monotonic). A line on standard
output for each change of who answers; ends when standard input closes.
"""

import ctypes
import json
import os
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, TextIO

PERIOD_NS: Final = 5_000_000
RETRY_NS: Final = 20_000_000
"""A cable that is not there, since its node has no power, is looked for so often."""
CLIENT_MAC: Final = bytes.fromhex("02bead000001")
NUMBERED: Final = bytes.fromhex("02beadff")
ASKED_MAX: Final = 1 << 16
BROADCAST: Final = b"\xff" * 6
CLONE_NEWNET: Final = 0x40000000
SO_ATTACH_FILTER: Final = 26
PACKET_IGNORE_OUTGOING: Final = 23
PACKET_QDISC_BYPASS: Final = 20
ETH_P_ALL: Final = 3
ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
STAMP: Final = struct.Struct("!Q")


def arp(mac: bytes, operation: int, sender: bytes, to_mac: bytes, target: bytes) -> bytes:
    """Return an ARP frame from the client."""
    body = ARP.pack(1, 0x0800, 6, 4, operation, mac, sender, to_mac, target)
    to = BROADCAST if operation == 1 else to_mac
    return to + mac + b"\x08\x06" + body


def datagram(to_mac: bytes, client: bytes, address: bytes, port: int, payload: bytes) -> bytes:
    """Return a frame with a datagram from the client to the service."""
    udp = struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, client, address)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    head = head[:10] + struct.pack("!H", total) + head[12:]
    return to_mac + CLIENT_MAC + b"\x08\x00" + head + udp


def wanted_frames(port: int) -> bytes:
    """Return a kernel filter: ARP, and datagrams from the service; the rest costs nothing."""
    program = [
        (0x28, 0, 0, 12),  # type of the frame
        (0x15, 6, 0, 0x0806),
        (0x15, 0, 6, 0x0800),
        (0x30, 0, 0, 23),  # protocol
        (0x15, 0, 4, 17),
        (0xB1, 0, 0, 14),  # length of the IPv4 head
        (0x48, 0, 0, 14),  # source port
        (0x15, 0, 1, port),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    ]
    return b"".join(struct.pack("HBBI", *item) for item in program)


@dataclass
class Cable:
    """The cable of one node: its socket while there is one, and what is known of the other end."""

    node: str
    interface: str
    own: bytes
    tap: socket.socket | None = None
    mac: bytes = b""
    retry_ns: int = 0
    number: int = 0
    asked_ns: dict[int, int] = field(default_factory=dict)
    """When each ARP request was sent that may still be answered, by its number."""


class Prober:
    """All cables, and the file of answers."""

    def __init__(self, value: dict[str, object], out: TextIO) -> None:
        nodes = value["nodes"]
        assert isinstance(nodes, dict)
        self._address = IPv4Address(str(value["address"])).packed
        self._client = IPv4Address(str(value["client"])).packed
        self._port = int(str(value["port"]))
        self._cables = [
            Cable(name, interface, IPv4Address(own).packed)
            for name, (interface, own) in nodes.items()
        ]
        self._by_fd: dict[int, Cable] = {}
        self._poll = select.poll()
        self._out = out
        self._last = ""

    def run(self) -> None:
        """Ask until standard input closes."""
        self._poll.register(0, select.POLLIN | select.POLLHUP)
        due_ns = time.monotonic_ns()
        while True:
            now_ns = time.monotonic_ns()
            if now_ns >= due_ns:
                for cable in self._cables:
                    self._ask(cable, time.monotonic_ns())
                self._out.flush()
                # After a pause of its own it goes on from now, and does not catch up.
                due_ns = max(due_ns + PERIOD_NS, now_ns)
            for fd, _ in self._poll.poll(max(0.0, (due_ns - time.monotonic_ns()) / 1e6)):
                if fd == 0:
                    if not os.read(0, 4096):
                        return
                elif fd in self._by_fd:
                    self._read(self._by_fd[fd])

    def _ask(self, cable: Cable, now_ns: int) -> None:
        if cable.tap is None and now_ns < cable.retry_ns:
            return
        if cable.tap is None and not self._open(cable):
            cable.retry_ns = now_ns + RETRY_NS
            return
        try:
            # From nobody's address, as RFC 5227 probes: nobody learns anything from it. The
            # answer goes to the hardware address that asked, in which the question's number is.
            cable.number = (cable.number + 1) % ASKED_MAX
            cable.asked_ns[cable.number] = now_ns
            mac = NUMBERED + struct.pack("!H", cable.number)
            self._send(cable, arp(mac, 1, bytes(4), bytes(6), self._address))
            if not cable.mac:
                self._send(cable, arp(CLIENT_MAC, 1, bytes(4), bytes(6), cable.own))
            else:
                payload = STAMP.pack(time.monotonic_ns())
                frame = datagram(cable.mac, self._client, self._address, self._port, payload)
                self._send(cable, frame)
        except BlockingIOError:
            return
        except OSError:
            self._close(cable, now_ns)

    def _send(self, cable: Cable, frame: bytes) -> None:
        assert cable.tap is not None
        cable.tap.send(frame)

    def _open(self, cable: Cable) -> bool:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            program = wanted_frames(self._port)
            buffer = ctypes.create_string_buffer(program)
            head = struct.pack("HP", len(program) // 8, ctypes.addressof(buffer))
            made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, head)
            made.setsockopt(263, PACKET_IGNORE_OUTGOING, 1)
            made.setsockopt(263, PACKET_QDISC_BYPASS, 1)
            made.bind((cable.interface, ETH_P_ALL))
        except OSError:
            made.close()
            return False
        cable.tap, cable.mac, cable.asked_ns = made, b"", {}
        self._by_fd[made.fileno()] = cable
        self._poll.register(made, select.POLLIN)
        return True

    def _close(self, cable: Cable, now_ns: int) -> None:
        if cable.tap is not None:
            self._poll.unregister(cable.tap)
            del self._by_fd[cable.tap.fileno()]
            cable.tap.close()
        cable.tap, cable.retry_ns = None, now_ns + RETRY_NS

    def _read(self, cable: Cable) -> None:
        while cable.tap is not None:
            try:
                frame = cable.tap.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                self._close(cable, time.monotonic_ns())
                return
            if frame[12:14] == b"\x08\x06":
                self._arp(cable, frame, time.monotonic_ns())
            else:
                self._datagram(cable, frame, time.monotonic_ns())

    def _arp(self, cable: Cable, frame: bytes, now_ns: int) -> None:
        _, _, _, _, operation, mac, sender, _, target = ARP.unpack_from(frame, 14)
        if operation == 1 and target == self._client and sender != target:
            try:
                self._send(cable, arp(CLIENT_MAC, 2, self._client, mac, sender))
            except BlockingIOError:
                pass  # whoever asks for the client's address asks again
            except OSError:
                self._close(cable, now_ns)  # the cable has gone in between
                return
        cable.mac = mac  # whatever comes in here comes from that node
        if operation == 2 and sender == self._address and frame[:4] == NUMBERED:
            (number,) = struct.unpack_from("!H", frame, 4)
            sent_ns = cable.asked_ns.pop(number, None)
            if sent_ns is not None:
                self._note("arp", cable.node, sent_ns, now_ns)

    def _datagram(self, cable: Cable, frame: bytes, now_ns: int) -> None:
        start = 14 + (frame[14] & 15) * 4
        source, payload = frame[26:30], frame[start + 8 :]
        if source != self._address or len(payload) < STAMP.size:
            return
        (sent_ns,) = STAMP.unpack_from(payload)
        name = payload[STAMP.size :].split(b"\0")[0].strip().decode()
        self._note("udp" if name == cable.node else f"udp-of-{name}", cable.node, sent_ns, now_ns)

    def _note(self, kind: str, node: str, sent_ns: int, now_ns: int) -> None:
        self._out.write(f"{kind} {node} {sent_ns} {now_ns}\n")
        if kind != "arp" and node != self._last:
            self._last = node
            sys.stdout.write(f"{node} {now_ns}\n")
            sys.stdout.flush()


def enter(namespace: str) -> None:
    """Enter a network namespace for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(namespace).open("rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


def main() -> None:
    """Run until standard input closes."""
    namespace, output, value = sys.argv[1:]
    enter(namespace)
    with Path(output).open("w", buffering=1 << 12, encoding="ascii") as out:
        Prober(json.loads(value), out).run()


if __name__ == "__main__":
    main()
