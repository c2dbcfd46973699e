"""What may be shown of a configuration, and of texts in which its secrets may stand.

Owns: the mask over a configuration, and the one over any text: known secrets wherever they stand,
and what looks like one by the name before it. Rather too much is hidden than too little. Pure.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias
from urllib.parse import quote

from ha_core.config.model import Alert, Configuration
from ha_core.config.secrets import HIDDEN, is_secret

Pairs: TypeAlias = tuple[tuple[str, str], ...]
SHORTEST: Final = 4
"""A shorter secret would hide half of every text; by its name it is hidden all the same."""
# Bounded everywhere, and each begins where a word does: a log may be one line of megabytes.
_NAMED: Final = re.compile(
    r"(?<![\w.-])[-._\d]{0,9}([A-Za-z][\w.-]{0,99})\\?[\"']?\s{0,20}[=:]\s{0,20}(\\?[\"']?)"
)
"""A name, a sign, and perhaps the quote that begins the value."""
_OPTION: Final = re.compile(
    r"(?<![\w-])--?([A-Za-z][\w-]{0,99})[\"']?,?\s{1,20}(\\?[\"']?)(?=[^\s-])"
)
"""An option of a command, its value behind it or the next of a list."""
_VALUE: Final = re.compile(r"[^\s\"'\\,;&}\]]+")
_TOKEN: Final = re.compile(r"\bbk1-[\w=+/-]+")
"""An invitation: whoever has it can join. Source: docs/protocols/admission.md."""
_USER: Final = re.compile(r"(?<=://)([^/\s:@\"']+):([^/\s@\"']+)@")
"""Name and password in a URL. Source: RFC 3986, section 3.2.1."""


def masked(configuration: Configuration) -> Configuration:
    """Return the configuration with the mask in place of every secret."""
    return with_pairs(configuration, _masked)


def with_pairs(configuration: Configuration, change: Callable[[Pairs], Pairs]) -> Configuration:
    """Return the configuration with every list changed that may hold a secret."""
    return replace(
        configuration,
        primitives=tuple(
            replace(each, parameters=change(each.parameters)) for each in configuration.primitives
        ),
        fence_devices=tuple(
            replace(each, parameters=change(each.parameters))
            for each in configuration.fence_devices
        ),
        alerts=tuple(_changed_alert(each, change) for each in configuration.alerts),
        nodes=tuple(
            replace(each, attributes=change(each.attributes)) for each in configuration.nodes
        ),
    )


def secrets_of(configuration: Configuration) -> Iterator[str]:
    """Yield every secret that the configuration holds itself."""
    found: list[str] = []

    def note(pairs: Pairs) -> Pairs:
        found.extend(value for name, value in pairs if is_secret(name) and value != HIDDEN)
        return pairs

    with_pairs(configuration, note)
    yield from found


def _masked(pairs: Pairs) -> Pairs:
    return tuple((name, HIDDEN if is_secret(name) else value) for name, value in pairs)


def _changed_alert(alert: Alert, change: Callable[[Pairs], Pairs]) -> Alert:
    recipients = (replace(each, parameters=change(each.parameters)) for each in alert.recipients)
    return replace(alert, parameters=change(alert.parameters), recipients=tuple(recipients))


class Mask:
    """Hides these secrets, and what looks like one, in any text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(secret) >= SHORTEST}
        # The longest first: a secret may be the beginning of another one.
        words = "|".join(map(re.escape, sorted(forms, key=lambda form: (-len(form), form))))
        self._known = re.compile(words) if words else None

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = _TOKEN.sub(HIDDEN, text)
        text = _USER.sub(rf"\1:{HIDDEN}@", text)
        return _hidden(_OPTION, _hidden(_NAMED, text))


def _forms(secret: str) -> Iterator[str]:
    """Yield how a secret may be written: as it is, in JSON, in a URL."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")


def _hidden(pattern: re.Pattern[str], text: str) -> str:
    """Hide the values that stand behind names of secrets; a quoted one up to its quote."""
    pieces, done = [], 0
    for found in pattern.finditer(text):
        begin = found.end()
        if begin < done or not is_secret(found[1]):
            continue
        mark = found[2]
        end = text.find(mark, begin) if mark else -1
        if end < 0:
            value = _VALUE.match(text, begin)
            end = value.end() if value is not None else begin
        if end > begin:
            pieces += [text[done:begin], HIDDEN]
            done = end
    return "".join((*pieces, text[done:]))
