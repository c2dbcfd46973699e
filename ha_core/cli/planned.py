"""The answer of `ha policy` for one CIB, as text or JSON.

Owns: the way from a file to what is printed, without the command line around it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from ha_core.errors import ConfigError
from ha_core.policy.cib.read import read_cib
from ha_core.policy.engine.plan import Plan, is_wanting, plan
from ha_core.policy.engine.problem import Options


def planned(path: str, set_up: Callable[[Options], Options] = lambda found: found) -> Plan:
    """Return the plan for the CIB in a file, with its options as `set_up` makes them.

    Raises: ConfigError: the file cannot be read, or is no CIB.
    """
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as fault:
        raise ConfigError(f"cannot read {path}: {fault.strerror}") from fault
    try:
        problem = read_cib(text, int(time.time()))
    except ConfigError as fault:
        raise ConfigError(f"{path}: {fault}") from fault
    return plan(replace(problem, options=set_up(problem.options)))


def told(made: Plan, *, as_json: bool) -> str:
    """Return what is printed of a plan, with what an exact search would do better."""
    is_offered = not made.board.problem.options.is_exact and is_wanting(made)
    offer = _offered(made) if is_offered else None
    if as_json:
        value = made.as_value()
        if offer is not None and offer.exact is not None:
            value["offer"] = {"placement": "exact", **asdict(offer.exact)}
        return json.dumps(value, ensure_ascii=False)
    from ha_core.cli.policy_text import plan_lines  # programs want the JSON, and at once

    return "\n".join(plan_lines(made, offer))


def _offered(made: Plan) -> Plan | None:
    from ha_core.policy.engine.exact import offered  # seldom is anything stopped

    return offered(made)
