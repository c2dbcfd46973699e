"""Tickets: what a command makes of one, how it stands in the log, and what the journal says."""

import pytest

from ha_core.errors import RefusedError
from ha_core.replication.shelf import Shelf, ShelfChange, ShelfPut
from ha_core.replication.tickets import PREFIX, Tickets, TicketWord, change, news
from ha_core.status import Ticket


def word(name: str = "east", reason: str = "west is off") -> TicketWord:
    return TicketWord(Ticket(name, changed_wall_ms=7), "admin", reason)


def give(
    shelf: Shelf, granted: bool | None = None, standby: bool | None = None, index: int = 1
) -> ShelfChange:
    made = change(shelf, word(), granted, standby, f"r{index}")
    shelf.apply(made, index)
    return made


def test_granted_ticket_is_read_back_with_author_reason_and_time() -> None:
    shelf, tickets = Shelf(), Tickets()
    assert tickets.words(shelf) == ()
    give(shelf, granted=True)
    assert tickets.words(shelf) == (
        TicketWord(Ticket("east", True, False, 7), "admin", "west is off", 7),
    )


def test_when_a_ticket_was_granted_last_is_kept_through_standby_and_revoking() -> None:
    shelf, tickets = Shelf(), Tickets()

    def at(wall_ms: int, granted: bool | None, standby: bool | None, index: int) -> int:
        wanted = TicketWord(Ticket("east", changed_wall_ms=wall_ms), "admin", "west is off")
        shelf.apply(change(shelf, wanted, granted, standby, f"r{index}"), index)
        return tickets.words(shelf)[0].granted_wall_ms

    steps = [
        (7, True, None),
        (8, None, True),
        (9, None, False),
        (10, False, None),
        (11, True, None),
    ]
    assert [at(*step, index) for index, step in enumerate(steps, 1)] == [7, 7, 7, 7, 11]


def test_a_ticket_of_an_older_store_is_read_without_that_time() -> None:
    shelf = Shelf()
    text = '{"granted": true, "standby": false, "at": 7, "author": "a", "reason": "b"}'
    shelf.apply(ShelfChange((ShelfPut(f"{PREFIX}east", text),), (), "r1"), 1)
    assert Tickets().words(shelf) == (TicketWord(Ticket("east", True, False, 7), "a", "b"),)


def test_standby_keeps_the_grant_and_revoking_keeps_the_standby() -> None:
    shelf, tickets = Shelf(), Tickets()
    give(shelf, granted=True, index=1)
    give(shelf, standby=True, index=2)
    assert tickets.words(shelf)[0].ticket == Ticket("east", True, True, 7)
    give(shelf, granted=False, index=3)
    assert tickets.words(shelf)[0].ticket == Ticket("east", False, True, 7)


@pytest.mark.parametrize(
    ("granted", "standby", "words"),
    [
        (False, None, "ticket east is not granted already"),
        (None, False, "ticket east is not granted already"),
    ],
)
def test_change_to_what_is_so_already_is_refused(
    granted: bool | None, standby: bool | None, words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        change(Shelf(), word(), granted, standby, "r")


def test_grant_without_words_is_refused() -> None:
    with pytest.raises(RefusedError, match="say how you know that no other site has it"):
        change(Shelf(), word(reason=" "), True, None, "r")


def test_of_two_commands_that_saw_the_same_ticket_the_second_is_refused() -> None:
    shelf = Shelf()
    first, second = (change(shelf, word(), True, None, name) for name in ("a", "b"))
    assert shelf.apply(first, 1).code == ""
    assert shelf.apply(second, 2).code == "stale"
    assert news(shelf, second, 2) == ()
    assert news(shelf, first, 2) == ()  # proposed again: told already


def test_journal_tells_what_became_of_a_ticket() -> None:
    shelf = Shelf()
    made = give(shelf, granted=True)
    assert news(shelf, made, 1) == (
        ("ticket-granted", "east", "ticket east is granted, by admin", "west is off"),
    )
    made = give(shelf, standby=True, index=2)
    assert [item[0] for item in news(shelf, made, 2)] == ["ticket-standby"]
    made = give(shelf, granted=False, index=3)
    assert [item[0] for item in news(shelf, made, 3)] == ["ticket-lost"]


def test_what_programs_keep_is_no_ticket() -> None:
    shelf, tickets = Shelf(), Tickets()
    other = ShelfChange((ShelfPut("indications/a", "{}"),), (), "x")
    shelf.apply(other, 1)
    assert tickets.words(shelf) == ()
    assert news(shelf, other, 1) == ()
    assert PREFIX == "ticket/"
