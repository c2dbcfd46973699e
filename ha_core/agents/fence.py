"""Fence agents: where one lies, how it is called, and what its answer means, for both contracts.

Owns: standard input, environment, arguments, exit codes, and keeping secrets out
of what agents print. Runs nothing. Source: fence-agents, "FenceAgentAPI";
cluster-glue, "README.external".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ha_core.agents.ocf import SEARCH_PATH
from ha_core.config.model import FenceCall, FenceDevice
from ha_core.config.secrets import HIDDEN, is_secret, is_secret_file
from ha_core.errors import ConfigError
from ha_core.fencing import rules
from ha_core.ids import NodeName

DIRECTORIES: Final = ("/usr/sbin", "/usr/local/sbin")
"""Where programs of the fence-agents lie."""
PLUGINS: Final = ("/usr/lib/stonith/plugins", "/usr/lib64/stonith/plugins")
"""Where cluster-glue's plug-ins lie, `external/…` below."""
GLUE_SHARE: Final = "/usr/share/cluster-glue"
"""Plug-ins that are shell scripts find their helpers there, by PATH."""
MARK: Final = "HA_FENCING"
"""In an agent's environment: its program, so that a restarted daemon finds what still works."""
DONE, FAILED = 0, 1
METADATA_BYTES_MAX: Final = 256 * 1024
_ABOUT_TARGET: Final = (FenceCall.OFF, FenceCall.ON, FenceCall.RESET, FenceCall.STATUS)
_ACTION: Final = re.compile(r"<action\s[^>]*?name=[\"']([\w-]{1,40})[\"']")
_PARAMETER: Final = re.compile(r"<parameter\s[^>]*?name=[\"']([\w.-]{1,128})[\"']")
_STONITH_WORDS: Final = {
    FenceCall.METADATA: "getconfignames",
    FenceCall.MONITOR: "status",
    FenceCall.LIST: "gethosts",
}


@dataclass(frozen=True, slots=True)
class Calling:
    """How to call an agent once."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    given: bytes
    """What it reads from standard input."""


def candidates(device: FenceDevice) -> tuple[str, ...]:
    """Return the paths at which the agent may lie."""
    program = rules.program_of(device)
    if program.startswith("/"):
        return (program,)
    is_glue = rules.contract_of(device) is rules.Contract.STONITH
    return tuple(f"{where}/{program}" for where in (PLUGINS if is_glue else DIRECTORIES))


def secret_files(device: FenceDevice) -> dict[str, str]:
    """Return the files to read secrets from, by the parameter that each is given as."""
    pairs = device.parameters
    return {name.removesuffix("_file"): path for name, path in pairs if is_secret_file(name)}


def calling(
    device: FenceDevice, action: FenceCall, target: NodeName, secrets: Mapping[str, str]
) -> Calling:
    """Return how to call the agent; `secrets` are those read from files, by parameter.

    Raises:
        ConfigError: a value cannot be given to an agent.
    """
    parameters = {n: value for n, value in device.parameters if not is_secret_file(n)}
    parameters |= secrets
    plug = rules.plug_of(device, target) if target else ""
    if rules.contract_of(device) is rules.Contract.STONITH:
        word = _STONITH_WORDS.get(action, str(action))
        arguments = (word, plug) if action in _ABOUT_TARGET else (word,)
        return Calling(arguments, parameters, b"")
    lines = dict(parameters)
    if target and action in _ABOUT_TARGET:
        lines |= {"plug": plug, "port": plug, "nodename": str(target)}
    for name, value in lines.items():
        if "\n" in value:
            raise ConfigError(f"parameter '{name}' has a line break, which ends it: remove it")
    lines["action"] = str(action)
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    return Calling((), {}, text.encode())


def environment(program: str, scratch: str) -> dict[str, str]:
    """Return what is in every agent's environment."""
    return {
        "PATH": f"{SEARCH_PATH}:{GLUE_SHARE}",
        "LC_ALL": "C",
        "HA_RSCTMP": scratch,
        MARK: program,
    }


def result(
    device: FenceDevice, action: FenceCall, target: NodeName, exit_code: int, output: str
) -> tuple[int, str]:
    """Return the exit code in the words of `FenceDone`, and the text that goes with it."""
    is_glue = rules.contract_of(device) is rules.Contract.STONITH
    if exit_code == DONE and action is FenceCall.METADATA:
        return _described(device, output, is_glue=is_glue)
    if exit_code == DONE and action is FenceCall.LIST and is_glue:
        plug = rules.plug_of(device, target)
        hosts = output.split()
        told = f"it lists {', '.join(hosts) or 'no host'}"
        return (DONE, told) if plug in hosts else (FAILED, f"it does not list {plug}: {told}")
    if is_glue:
        return (DONE if exit_code == DONE else FAILED), output
    if action is FenceCall.LIST:
        plugs = [line.split(",")[0].strip() for line in output.splitlines() if line.strip()]
        return exit_code, ", ".join(plugs)
    return exit_code, output


def _described(device: FenceDevice, output: str, *, is_glue: bool) -> tuple[int, str]:
    """Read what an agent says of itself: the actions it knows, or what is wrong with us."""
    if is_glue:
        known, actions = set(output.split()), ["off", "on", "reset"]
    else:
        known, actions = set(_PARAMETER.findall(output)), _ACTION.findall(output)
    if not is_glue and not actions:
        return FAILED, "what it prints is no meta-data of a fence agent"
    given = {
        name.removesuffix("_file") if is_secret_file(name) else name
        for name, _ in device.parameters
    }
    strange = sorted(given - known)
    if strange and known:
        words = ", ".join(sorted(known)[:40])
        return FAILED, f"it does not know the parameter '{strange[0]}'; it knows {words}"
    return DONE, " ".join(actions)


def blotted(text: str, device: FenceDevice, secrets: Mapping[str, str]) -> str:
    """Return the text without any secret that the agent was given."""
    own = [value for name, value in device.parameters if is_secret(name)]
    for value in sorted({*own, *secrets.values()}, key=len, reverse=True):
        if value:
            text = text.replace(value, HIDDEN)
    return text
