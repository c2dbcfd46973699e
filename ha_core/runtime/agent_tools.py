"""Programs that OCF agents call to speak to their cluster, and what they have said.

Owns: a directory with `crm_attribute`, `crm_master` and `crm_node`, which is first in an agent's
path, and the values that they keep. What an agent says of its promotion is read after each
operation. Attributes are this node's own: an agent that asks for another node's hears that there
is none. Source: Pacemaker's manual pages of these programs, as agents use them.
"""

import os
from pathlib import Path
from typing import Final

from ha_core.ids import INFINITY

VALUES_VARIABLE: Final = "BEATKEEPER_VALUES"
"""Names the directory of the values to the programs."""
_SCORE_CHARACTERS_MAX: Final = 20

_ATTRIBUTE: Final = r"""#!/bin/sh
# crm_attribute for agents of Beatkeeper: keeps attributes of this node in a directory of its own.
set -u
name= value= verb=query quiet= node= fallback= has_fallback=
case "${0##*/}" in
    crm_master) name="master-${OCF_RESOURCE_INSTANCE:-}" ;;
esac
while [ $# -gt 0 ]; do
    word=$1
    shift
    case "$word" in
        --*=*) set -- "${word#*=}" "$@"; word=${word%%=*} ;;
        --*) ;;
        -[vnNUlrtdsi]?*) rest=${word#??}; word=${word%"$rest"}; set -- "$rest" "$@" ;;
        -[QqGDVp]?*) rest=${word#??}; word=${word%"$rest"}; set -- "-$rest" "$@" ;;
    esac
    case "$word" in
        -v|--update|--attr-value) verb=update; value=${1:-}; shift ;;
        -D|--delete|--delete-attr) verb=delete ;;
        -G|--query|--get-value) verb=query ;;
        -n|--name|--attr-name) name=${1:-}; shift ;;
        -p|--promotion)
            name="master-${OCF_RESOURCE_INSTANCE:-}"
            case "${1:-}" in ''|-*) ;; *) name="master-$1"; shift ;; esac ;;
        -r|--resource-id) name="master-${1:-}"; shift ;;
        -N|-U|--node) node=${1:-}; shift ;;
        -d|--default) fallback=${1:-}; has_fallback=1; shift ;;
        -q|-Q|--quiet) quiet=1 ;;
        -V|--verbose) ;;
        -l|--lifetime|-t|--type|-s|--set-name|-i|--id|--output-as) shift ;;
        *) echo "${0##*/}: option $word is not known here" >&2; exit 64 ;;
    esac
done
case "$name" in ''|*/*|.*) echo "${0##*/}: bad attribute name '$name'" >&2; exit 64 ;; esac
file="$BEATKEEPER_VALUES/$name"
if [ -n "$node" ] && [ "$node" != "${HA_CURHOST:-}" ]; then
    [ "$verb" = query ] || { echo "${0##*/}: only this node's attributes are kept" >&2; exit 69; }
    file=
fi
case "$verb" in
    update) printf '%s\n' "$value" > "$file.$$" && mv -f "$file.$$" "$file" ;;
    delete) rm -f "$file" ;;
    query)
        if [ -n "$file" ] && [ -f "$file" ]; then
            read -r value < "$file"
        elif [ -n "$has_fallback" ]; then
            value=$fallback
        else
            echo "${0##*/}: no attribute $name here" >&2
            exit 105
        fi
        if [ -n "$quiet" ]; then
            printf '%s\n' "$value"
        else
            printf 'scope=status  name=%s value=%s\n' "$name" "$value"
        fi ;;
esac
"""
_NODE: Final = r"""#!/bin/sh
# crm_node for agents of Beatkeeper: tells this node's name.
case "${1:-}" in
    -n|--name) printf '%s\n' "${HA_CURHOST:-}" ;;
    *) echo "crm_node: only -n is known here" >&2; exit 64 ;;
esac
"""
_PROGRAMS: Final = {"crm_attribute": _ATTRIBUTE, "crm_master": _ATTRIBUTE, "crm_node": _NODE}


class AgentTools:
    """The programs of one node, below a directory of its daemon."""

    def __init__(self, home: Path) -> None:
        self.programs = home / "agent-tools"
        self.values = home / "agent-values"

    def install(self) -> None:
        """Write the programs where they are missing or from another version.

        Raises: OSError: the directory cannot be written.
        """
        self.programs.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.values.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in _PROGRAMS.items():
            path = self.programs / name
            if path.exists() and path.read_text() == text:
                continue
            fresh = path.with_suffix(".new")
            fresh.write_text(text)
            fresh.chmod(0o755)
            os.replace(fresh, path)

    def promotion_score(self, resource: str) -> int | None:
        """Return what the resource's agent has said of its promotion here; None: nothing."""
        try:
            with (self.values / f"master-{resource}").open() as file:
                text = file.read(_SCORE_CHARACTERS_MAX).strip()
        except OSError:
            return None
        return _score(text)


def _score(text: str) -> int | None:
    """Return a score as agents write it: a number, or INFINITY with a sign."""
    words = text.upper().removeprefix("+")
    if words in ("INFINITY", "-INFINITY"):
        return -INFINITY if words.startswith("-") else INFINITY
    try:
        return max(-INFINITY, min(INFINITY, int(words)))
    except ValueError:
        return None
