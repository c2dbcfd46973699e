"""`authkeys`, looked at: how many keys, by which methods; no key ever leaves this module.

Owns: the note on it. Source: Heartbeat 3, `doc/authkeys`.
"""

from ha_core.config.heartbeat.lines import AUTHKEYS, lines

_METHODS = ("crc", "md5", "sha1")


def note(text: str) -> str:
    """Return what becomes of the keys: nothing, and what replaces them."""
    methods: list[str] = []
    strange = []
    for words in lines(text, AUTHKEYS):
        if words[0].text == "auth":
            continue
        method = words[1].text if len(words) > 1 else ""
        if words[0].text.isdecimal() and method in _METHODS:
            methods.append(method)
        else:
            strange.append(str(words[0].line))
    found = f"{len(methods)} keys ({', '.join(methods)})" if methods else "no key that was read"
    odd = f"; not understood: line {', '.join(strange[:20])}" if strange else ""
    return (
        f"{AUTHKEYS}: {found}, none of them copied{odd}: 'ha init' makes a key ring for the "
        "cluster, and 'ha join' hands it on, readable by root alone as authkeys (mode 0600) had "
        "to be; once no node runs Heartbeat any more, remove the file"
    )
