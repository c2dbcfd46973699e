"""The daemon's log: written beside the loop, bounded, and never a reason to wait or to fail."""

import json
import logging
import os
import threading
from pathlib import Path

from ha_core.runtime import logs
from ha_core.runtime.logs import logging_to

log = logging.getLogger("had.test")


def texts(path: Path) -> list[str]:
    """Return what the log says."""
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def test_lines_are_json_and_all_there_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "had.log"
    with logging_to(path, to_stderr=False):
        for number in range(100):
            log.info("line %d", number)
        log.debug("not shown")
    assert texts(path) == [f"line {number}" for number in range(100)]


def test_trace_of_a_bug_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "had.log"
    with logging_to(path, to_stderr=False):
        try:
            raise KeyError("lost")
        except KeyError:
            log.exception("a bug")
    line = json.loads(path.read_text())
    assert (line["level"], line["text"]) == ("error", "a bug")
    assert "KeyError: 'lost'" in line["trace"]


def test_disk_that_hangs_costs_lines_and_not_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "had.log"
    os.mkfifo(path)  # nobody reads: its buffer fills, and then every write waits
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    said: list[str] = []

    def drain() -> None:
        with os.fdopen(reader, "rb") as pipe:
            os.set_blocking(pipe.fileno(), True)
            said.extend(json.loads(line)["text"] for line in pipe)

    thread = threading.Thread(target=drain)
    with logging_to(path, to_stderr=False):
        for number in range(logs.QUEUE_MAX + 5000):
            log.info("line %d", number)
        thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert said[0] == "line 0"
    assert logs.QUEUE_MAX <= len(said) < logs.QUEUE_MAX + 5000


def test_disk_that_is_full_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "had.log"
    path.symlink_to("/dev/full")
    with logging_to(path, to_stderr=False):
        log.info("lost")
