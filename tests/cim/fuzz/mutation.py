"""Inputs that are nearly right: pieces of the corpus, changed a little.

Owns: the corpus and the changes. Every input follows from a seed and the corpus
alone, so that a number is enough to have it again.
"""

import random
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
CHANGES_MAX = 6
INPUT_BYTES_MAX = 16_384
WORDS = (
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!DOCTYPE x>", b"<?x?>", b"<!--", b"-->", b"&#0;"),
    *(b"&#xD800;", b"&lol;", b"<VALUE/>", b"</CIM>", b'"', b"'", b"=", b":", b";", b"%", b"%2"),
    *(b"M-POST ", b"POST ", b"GET ", b"HTTP/1.1", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    *(b"Content-Length: ", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"CIMBatch:\r\n"),
    *(b"-1", b"99999999999999999999", b"1e999", b"0x", b"NULL", b"TRUE", b"*" * 25, b"A" * 300),
    *(b"Man: http://www.dmtf.org/cim/mapping/http/v1.0;ns=1", b"Upgrade: h2c\r\n", b"=?utf-8?B?"),
)


def corpus(kind: str) -> list[bytes]:
    """Return the entries of one kind, in the order of their names."""
    entries = [file.read_bytes() for file in sorted((CORPUS / kind).iterdir())]
    assert entries, f"no corpus for {kind}"
    return entries


def mutated(entries: list[bytes], draw: random.Random) -> bytes:
    """Return one input: an entry, or two that are joined, with a few changes."""
    data = bytearray(draw.choice(entries))
    if draw.random() < 0.2:
        other = draw.choice(entries)
        data = data[: draw.randrange(len(data) + 1)] + other[draw.randrange(len(other) + 1) :]
    for _ in range(draw.randint(0, CHANGES_MAX)):
        _change(data, draw)
    return bytes(data[:INPUT_BYTES_MAX])


def _change(data: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(data) + 1)
    end = min(len(data), start + int(draw.expovariate(0.1)) + 1)
    match draw.randrange(6):
        case 0:
            del data[start:end]
        case 1:
            data[start:start] = draw.choice(WORDS)
        case 2:
            data[start:end] = draw.choice(WORDS)
        case 3:
            data[start:start] = data[start:end] * draw.choice((1, 2, 20))
        case 4 if start < len(data):
            data[start] ^= 1 << draw.randrange(8)
        case _:
            data[start:end] = draw.randbytes(end - start)
