"""The daemon's log: JSON lines in a bounded file, written beside the event loop.

Owns: formatter, rotation and the thread that writes. A disk that hangs must not
stop the node, so the loop only ever puts a record into a bounded queue; what
does not fit is dropped and counted.
"""

import contextlib
import json
import logging
import logging.handlers
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

LOG_BYTES: Final = 4 * 1024 * 1024
LOG_FILES: Final = 3
QUEUE_MAX: Final = 10_000
"""Records waiting for the disk: some minutes of a busy node."""
END_S: Final = 5.0
"""How long the end of the daemon waits for the last lines."""
_Records: TypeAlias = "queue.Queue[logging.LogRecord | None]"


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "from": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _Queue(logging.handlers.QueueHandler):
    """Never waits: a record that does not fit is dropped, and the next one that fits says so."""

    def __init__(self, records: _Records) -> None:
        super().__init__(records)
        self._records = records
        self._dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            if self._dropped:
                text = f"{self._dropped} lines were dropped: the disk was too slow"
                self._records.put_nowait(
                    logging.LogRecord("had", logging.WARNING, "", 0, text, None, None)
                )
                self._dropped = 0
            self._records.put_nowait(record)
        except queue.Full:
            self._dropped += 1


def _write(records: _Records, handlers: list[logging.Handler]) -> None:
    while (record := records.get()) is not None:
        for handler in handlers:
            handler.handle(record)


@contextmanager
def logging_to(path: Path, *, to_stderr: bool) -> Iterator[None]:
    """Write the log there until the block ends. Raises OSError if the file cannot be opened."""
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1)
    ]
    if to_stderr:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(_JsonLines())
    # A full disk costs log lines, not a trace on standard error for each of them.
    logging.raiseExceptions = False
    records: _Records = queue.Queue(QUEUE_MAX)
    logging.basicConfig(level=logging.INFO, handlers=[_Queue(records)], force=True)
    writer = threading.Thread(target=_write, args=(records, handlers), name="log", daemon=True)
    writer.start()
    try:
        yield
    finally:
        with contextlib.suppress(queue.Full):  # the disk hangs: end without the last lines
            records.put(None, timeout=END_S)
        writer.join(END_S)
        for handler in handlers if not writer.is_alive() else []:
            with contextlib.suppress(OSError):  # a full disk: there is nobody left to tell
                handler.close()
