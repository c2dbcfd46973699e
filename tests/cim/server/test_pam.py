"""Passwords that PAM knows: with a stand-in for saslauthd, and with the real one where it is."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from cim_provider.server.pam import SaslAuthd

SASLAUTHD = shutil.which("saslauthd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PAM_FILES = Path("/etc/pam.d")
needs_saslauthd = pytest.mark.skipif(
    SASLAUTHD is None or os.geteuid() != 0 or not PAM_FILES.is_dir(),
    reason="saslauthd (sasl2-bin) or root is missing: PAM is tried with a stand-in alone",
)

Answer = Callable[[list[bytes], asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


def asked(place: Path, answer: Answer, name: str = "ann", password: bytes = b"sesame") -> bool:
    """Ask a stand-in that answers like that."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fields = []
        for _ in range(4):
            size = int.from_bytes(await reader.readexactly(2))
            fields.append(await reader.readexactly(size))
        await answer(fields, writer)
        writer.close()

    async def run() -> bool:
        server = await asyncio.start_unix_server(talk, place / "mux")
        async with server:
            return await SaslAuthd(place / "mux", "beatkeeper", ask_s=5.0).fits(name, password)

    return asyncio.run(run())


def saying(text: bytes) -> Answer:
    async def answer(_: list[bytes], writer: asyncio.StreamWriter) -> None:
        writer.write(len(text).to_bytes(2) + text)

    return answer


def test_name_password_and_service_are_asked_about(place: Path) -> None:
    seen: list[bytes] = []

    async def answer(fields: list[bytes], writer: asyncio.StreamWriter) -> None:
        seen.extend(fields)
        writer.write(b"\x00\x02OK")

    assert asked(place, answer, "ann", "gr\u00fc\u00df".encode())
    assert seen == [b"ann", "gr\u00fc\u00df".encode(), b"beatkeeper", b""]


@pytest.mark.parametrize("text", [b"NO", b"NO authentication failed", b"", b"ok", b"O"])
def test_whatever_is_not_ok_is_no(place: Path, text: bytes) -> None:
    assert not asked(place, saying(text))


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\x00\x05OK", b"\xff\xffOK"])
def test_answer_that_is_none_is_a_fault_and_not_a_verdict(place: Path, raw: bytes) -> None:
    async def answer(_: list[bytes], writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    with pytest.raises(OSError, match="mux"):
        asked(place, answer)


def test_saslauthd_that_is_not_there_or_says_nothing_is_a_fault(place: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        asyncio.run(SaslAuthd(place / "mux", "beatkeeper").fits("ann", b"x"))

    async def silence() -> None:
        held = asyncio.Event()

        async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await held.wait()
            writer.close()

        server = await asyncio.start_unix_server(hold, place / "mux")
        async with server:
            try:
                await SaslAuthd(place / "mux", "beatkeeper", ask_s=0.05).fits("ann", b"x")
            finally:
                held.set()

    with pytest.raises(TimeoutError):
        asyncio.run(silence())


@needs_saslauthd
def test_real_pam_tells_right_from_wrong(place: Path) -> None:
    assert SASLAUTHD is not None
    service = f"beatkeeper-test-{os.getpid()}"
    file = PAM_FILES / service
    # One user is let in, whatever the password is: enough to see that PAM itself is asked.
    file.write_text(
        "auth required pam_succeed_if.so quiet user = root\nauth required pam_permit.so\n"
        "account required pam_permit.so\n"
    )
    daemon = subprocess.Popen(
        [SASLAUTHD, "-d", "-a", "pam", "-n", "1", "-m", str(place)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # it ends its whole process group
    )
    try:
        pam = SaslAuthd(place / "mux", service)

        async def ask() -> tuple[bool, bool]:
            while not (place / "mux").exists():
                assert daemon.poll() is None, "saslauthd has ended"
                await asyncio.sleep(0.01)
            return await pam.fits("root", b"anything"), await pam.fits("nobody", b"anything")

        assert asyncio.run(asyncio.wait_for(ask(), 20)) == (True, False)
    finally:
        daemon.terminate()
        daemon.wait(10)
        file.unlink()
