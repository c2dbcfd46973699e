"""How this node's WBEM server is: does it answer, its certificate, its listeners, drafts left over.

Owns: what is looked at, for `ha doctor`, as plain values. Each try is bounded in time. Looks from
outside, as a client would; changes nothing, and reads no password.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from cim_provider.drafts import DRAFTS, Draft
from cim_provider.indications import outbox, registry
from cim_provider.indications.export import UrlError, target_of, without_password
from cim_provider.indications.registry import ENABLED, Destination, Registry
from cim_provider.indications.shelf import NUMBERS, REGISTRY, Item
from cim_provider.server.certificate import ORGANIZATION, SIGNED, described
from cim_provider.server.layout import ServerLayout
from cim_provider.server.settings import SettingsError, read_settings
from cim_provider.server.tls import CertificateError

TRY_S: Final = 2.0
"""A server or listener that takes no connection for so long does not answer."""
LISTENERS_MAX: Final = 50
"""So many are tried, at the same time."""
STATE_BYTES_MAX: Final = 65_536
_FILES: Final = "file"
_REQUEST: Final = b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_ANSWER: Final = b"HTTP/1."


def condition(root: Path | None, shelf: Mapping[str, str]) -> dict[str, object]:
    """Return how the server below `root` is; `shelf`: what the servers keep in the log."""
    layout = ServerLayout(root)
    urls, fault = _urls(layout)
    known = _registry(shelf)
    tried = known.destinations[:LISTENERS_MAX] if known is not None else ()
    answers = asyncio.run(_tries(urls, _wanted(known, tried)))
    url = urls[0] if urls else ""
    dropped = _dropped(shelf)
    return {
        "is_there": bool(urls) or _was_set_up(layout),
        "url": url,
        "fault": fault or answers.get(url, ""),
        **_certificate(layout),
        "listeners": [
            {
                "name": each.names.name,
                "url": without_password(each.url),
                "fault": answers.get(each.url, ""),
                "dropped": dropped.get(each.context, 0),
            }
            for each in tried
        ],
        "unasked": len(known.destinations) - len(tried) if known is not None else 0,
        "drafts": [
            {"id": each.id, "kind": each.kind, "author": each.author} for each in _drafts(shelf)
        ],
    }


def _urls(layout: ServerLayout) -> tuple[list[str], str]:
    """Return where the server says that it listens, HTTPS first, or why that is not known."""
    try:
        with open(layout.state_file, "rb") as file:
            state = json.loads(file.read(STATE_BYTES_MAX))
    except FileNotFoundError:
        return [], f"it does not run ({layout.state_file} is not there)"
    except (OSError, ValueError) as fault:
        return [], f"{layout.state_file} cannot be read: {fault}"
    found = [state.get(name) for name in ("https", "http")] if isinstance(state, dict) else []
    urls = [each for each in found if isinstance(each, str)]
    return urls, "" if urls else f"{layout.state_file} names no address"


def _was_set_up(layout: ServerLayout) -> bool:
    try:
        return layout.users_file.exists() or layout.settings_file.exists()
    except PermissionError:
        return True  # somebody has made its directory, and keeps it from others


async def _tries(urls: list[str], listeners: list[str]) -> dict[str, str]:
    """Return what is wrong with each URL, empty where it answers; all are tried at once."""
    asked = [_answers(url) for url in urls[:1]]
    reached = [_is_reached(url) for url in listeners]
    names = [*urls[:1], *listeners]
    return dict(zip(names, await asyncio.gather(*asked, *reached), strict=True))


def _wanted(known: Registry | None, tried: tuple[Destination, ...]) -> list[str]:
    """Return the URLs of listeners that an enabled subscription needs; a file is no listener."""
    if known is None:
        return []
    return list(
        dict.fromkeys(
            each.url
            for each in tried
            if any(sub.state == ENABLED for sub in known.of(each))
            and urlsplit(each.url).scheme.lower() != _FILES
        )
    )


async def _answers(url: str) -> str:
    """Ask for nothing in particular: any answer in HTTP will do."""
    parts = urlsplit(url)
    context = None
    if parts.scheme == "https":
        # It is asked whether it answers, not who it is: nothing is told to it.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(TRY_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
            try:
                writer.write(_REQUEST)
                begin = await reader.read(len(_ANSWER))
            finally:
                writer.transport.abort()
    except TimeoutError:
        return f"no answer at {url} for {TRY_S:g} s"
    except (OSError, ssl.SSLError) as fault:
        return f"{url}: {fault.strerror or fault}"
    return "" if begin == _ANSWER else f"what answers at {url} does not speak HTTP"


async def _is_reached(url: str) -> str:
    """Connect and say nothing: a listener takes no test that it has not subscribed to."""
    try:
        target = target_of(url)
    except UrlError as fault:
        return str(fault)
    try:
        async with asyncio.timeout(TRY_S):
            _, writer = await asyncio.open_connection(target.host, target.port)
            writer.transport.abort()
    except TimeoutError:
        return f"no answer for {TRY_S:g} s"
    except UnicodeError:
        return f"{target.host} can be no host's name"
    except OSError as fault:
        return fault.strerror or str(fault)
    return ""


def _certificate(layout: ServerLayout) -> dict[str, object]:
    try:
        named = read_settings(layout.settings_file).certificate
    except SettingsError as fault:
        return {"certificate": str(layout.settings_file), "certificate_fault": str(fault)}
    file = Path(named) if named else layout.certificate_file
    try:
        if not file.exists():
            return {}
        told = described(file)
    except (CertificateError, OSError) as fault:
        return {"certificate": str(file), "certificate_fault": str(fault)}
    ends = datetime.fromisoformat(told["ends"][0])
    subject = told["subject"][0]
    return {
        "certificate": str(file),
        "certificate_until_wall_ms": round(ends.timestamp() * 1000),
        "renews": not named and any(f"O={_escaped(each)}" in subject for each in _OURS),
    }


_OURS: Final = (ORGANIZATION, SIGNED)
"""What the certificates are of that are replaced without anybody."""


def _escaped(name: str) -> str:
    """Return a name as it stands in a subject. Source: RFC 4514, section 2.4."""
    return name.replace(",", "\\,")


def _registry(shelf: Mapping[str, str]) -> Registry | None:
    """Return who listens; None: nobody has said, or a later version has written it otherwise."""
    try:
        return registry.decode(shelf[REGISTRY]) if REGISTRY in shelf else None
    except msgspec.DecodeError:
        return None


def _dropped(shelf: Mapping[str, str]) -> Mapping[str, int]:
    try:
        items = {key: Item(text, 1) for key, text in shelf.items() if key == NUMBERS}
        return outbox.read_numbers(items, NUMBERS).dropped
    except outbox.DamagedError:
        return {}


def _drafts(shelf: Mapping[str, str]) -> list[Draft]:
    """Return the drafts, sorted; what a later version wrote otherwise is left out."""
    found = []
    for key, text in sorted(shelf.items()):
        if key.startswith(DRAFTS):
            try:
                found.append(msgspec.json.decode(text, type=Draft))
            except msgspec.DecodeError:
                continue
    return found
