"""Instances that have not changed are not written again, and none is ever out of date."""

from collections.abc import Iterator
from functools import partial

import pywbem

from cim_provider.wbem.fragments import OVERHEAD_BYTES, Fragments, Keyed, KeyedInstances


class Items(KeyedInstances):
    """Instances of names, with what comes behind a colon; a question mark cannot be compared."""

    def __init__(self, *names: str, frame: str = "all") -> None:
        self._names = names
        self._frame = frame
        self.made: list[str] = []

    @property
    def frame(self) -> str:
        return self._frame

    def keyed(self) -> Iterator[Keyed]:
        for name in self._names:
            identity, _, content = name.partition(":")
            yield Keyed(identity, None if "?" in name else content, partial(self._make, name))

    def _make(self, name: str) -> pywbem.CIMInstance:
        self.made.append(name)
        return pywbem.CIMInstance("C", {"Name": name})

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index):
        return self._make(self._names[index])


def write(item: pywbem.CIMInstance) -> str:
    return f"<{item['Name']}>"


def test_what_is_the_same_is_written_once() -> None:
    fragments, first, second = Fragments(), Items("a", "b"), Items("b", "c", "a")
    assert list(fragments.written("x", first, write)) == [b"<a>", b"<b>"]
    assert list(fragments.written("x", second, write)) == [b"<b>", b"<c>", b"<a>"]
    assert (first.made, second.made) == (["a", "b"], ["c"])


def test_other_frames_have_texts_of_their_own() -> None:
    fragments = Fragments()
    assert list(fragments.written("x", Items("a"), write)) == [b"<a>"]
    assert list(fragments.written("y", Items("a"), lambda _: "other")) == [b"other"]
    shown_less = Items("a", frame="less")
    assert list(fragments.written("x", shown_less, lambda _: "less")) == [b"less"]
    assert list(fragments.written("x", Items("a"), write)) == [b"<a>"]


def test_what_cannot_be_compared_is_written_each_time() -> None:
    fragments, items = Fragments(), Items("?a")
    for _ in range(2):
        assert list(fragments.written("x", items, write)) == [b"<?a>"]
    assert items.made == ["?a", "?a"]


def test_plain_instances_are_written_each_time() -> None:
    plain = (pywbem.CIMInstance("C", {"Name": "a"}),)
    assert list(Fragments().written("x", plain, write)) == [b"<a>"]


def test_what_was_not_used_for_longest_goes_first() -> None:
    fragments = Fragments(bytes_max=2 * (OVERHEAD_BYTES + 3))
    list(fragments.written("x", Items("a", "b"), write))
    list(fragments.written("x", Items("a"), write))
    list(fragments.written("x", Items("c"), write))
    again = Items("a", "b", "c")
    list(fragments.written("x", again, write))
    assert "a" not in again.made
    assert "b" in again.made


def test_what_has_changed_is_written_anew_and_takes_the_place_of_the_old() -> None:
    fragments = Fragments(bytes_max=2 * (OVERHEAD_BYTES + 5))
    for state in range(9):
        items = Items("a", f"b:{state}")
        assert list(fragments.written("x", items, write)) == [b"<a>", f"<b:{state}>".encode()]
        assert items.made == (["a", "b:0"] if state == 0 else [f"b:{state}"])
    again = Items("b:0")
    assert list(fragments.written("x", again, write)) == [b"<b:0>"]
    assert again.made == ["b:0"]
