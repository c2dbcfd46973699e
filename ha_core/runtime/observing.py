"""Keeps the node's diary: results of operations, links, and what the other nodes tell of theirs.

Owns: when something is noted and told. Beside the node: what is kept here decides nothing.
"""

import time
from collections.abc import Callable

from ha_core.diary import Diary
from ha_core.effects import RunOperation, Send
from ha_core.events import OperationDone, Received
from ha_core.exchange import Exchange
from ha_core.ids import Millis
from ha_core.messages import Told, ToldTaken
from ha_core.node import Node
from ha_core.observed import Item


class Observer:
    """The diary of one node, and its exchange with those of the others.

    Args:
        node: whose diary it is.
        send: sends a message to another node.
    """

    def __init__(self, node: Node, send: Callable[[Send], None]) -> None:
        self._node = node
        self._send = send
        self._diary = Diary(node.name)
        self._exchange = Exchange(node.name, node.generation, self._diary)

    def began(self, operation: RunOperation) -> None:
        """Note that an operation begins."""
        self._diary.began(operation)

    def cancelled(self, operation_id: int) -> None:
        """Note that an operation is given up."""
        self._diary.cancelled(operation_id)

    def ended(self, done: OperationDone) -> None:
        """Note how it went."""
        self._diary.ended(done, round(time.time() * 1000))

    def heard(self, event: Received) -> None:
        """Take a message of another node, if it is for the diary."""
        self._exchange.heard(event.sender, event.generation)
        match event.message:
            case Told() as told:
                answer = self._exchange.told(event.sender, event.generation, told)
                self._send(Send(event.sender, answer))
            case ToldTaken() as taken:
                more = self._exchange.taken(event.sender, taken)
                if more is not None:
                    self._send(Send(event.sender, more))

    def step(self, now_ms: Millis) -> None:
        """Look at the links, and tell the others what is new; called about once a second."""
        self._diary.hears(self._node.links(now_ms))
        own = self._node.name
        nodes = self._node.configuration.nodes
        peers = [each.name for each in nodes if each.name != own and not each.witness]
        for to, message in self._exchange.step(peers):
            self._send(Send(to, message))

    def since(self, number: int, most: int) -> tuple[tuple[Item, ...], int]:
        """Return what is newer than a number, of all nodes, and how far that is."""
        return self._diary.since(number, most)
