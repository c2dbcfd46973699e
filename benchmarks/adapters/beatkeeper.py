"""Beatkeeper as a system of a failover bench whose adapters have the interface of `base.Adapter`.

The bench is not part of this project: it gives each node namespaces of its own and finds this
file by FAILOVER_ADAPTERS. A node runs the shipped daemon with its own --root. The service address
is of class `address` (the guardian takes it away with the lease); the bench's responder behind it
is of class `process`, supervised by the cluster, and may run twice without harm, since only the
address leads to it: so a move starts it at its new place first. Neither needs the other to start.
Three nodes are the least: with two, losing one is losing the majority.
"""

import json
import os
import shlex
import subprocess
import sys
from typing import ClassVar

from adapters.base import VIP, Adapter, LabError, clock
from lab import HERE, IFACE, PREFIX

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.path.join(PROJECT, ".venv", "bin", "python")
DEAD_AFTER_MS = {"fast": 500, "default": 1000, "tight": 300}
MONITOR = {"fast": "500ms", "default": "10s", "tight": "500ms"}
READY_PORT = "6999"
"""Where `foreground.py` accepts connections once the service answers datagrams."""
SERVICE = shlex.join(
    [
        sys.executable,
        "-I",
        "-S",
        os.path.join(PROJECT, "benchmarks", "foreground.py"),
        os.path.join(HERE, "responder.py"),
        "/run/bench/responder.env",
        "/run/bench/responder.pid",
    ]
)
FOUND = """
import sys
from pathlib import Path
from ha_core.cli.admission import found_node
from ha_core.config.parse import parse_text
from ha_core.keyring import CLUSTER_ID_BYTES, KEY_BYTES, first_ring, render_ring
from ha_core.layout import Layout
import secrets
configuration = parse_text(Path(sys.argv[1]).read_text(), sys.argv[1])
ring = render_ring(
    first_ring(secrets.token_bytes(CLUSTER_ID_BYTES), secrets.token_bytes(KEY_BYTES)))
for name, root in zip(sys.argv[2::2], sys.argv[3::2]):
    found_node(Layout(Path(root)), name, configuration, ring)
"""


class System(Adapter):
    """Three nodes or more, one address, one service."""

    name = "beatkeeper"
    settings = ("fast", "default", "tight")
    milestones: ClassVar = {"detect": r"node-lost"}
    service_milestones: ClassVar = {"detect": r"resource-failed svc"}
    fencing = "not needed: the guardian ends the address with the lease"

    def __init__(self, lab, setting):
        super().__init__(lab, setting)
        self.dead_time = DEAD_AFTER_MS[setting] / 1000

    @classmethod
    def available(cls):
        """Return what is missing, or None."""
        return None if os.access(PYTHON, os.X_OK) else f"{PYTHON} is missing: run 'make test' once"

    @classmethod
    def version(cls):
        """Return the version."""
        return subprocess.run(
            [PYTHON, "-m", "ha_core.cli.main", "--version"],
            capture_output=True,
            text=True,
            cwd=PROJECT,
        ).stdout.strip()

    def describe(self):
        """Return the timing in force."""
        dead, monitor = DEAD_AFTER_MS[self.setting], MONITOR[self.setting]
        return f"dead_after {dead} ms, monitor {monitor}, stickiness 100"

    def prepare(self, nodes):
        """Make every node's files."""
        config = os.path.join(self.lab.dir, "beatkeeper.yaml")
        with open(config, "w") as handle:
            handle.write(self._configuration(nodes))
        pairs = []
        for node in nodes:
            pairs += [node.name, os.path.join(node.dir, "root")]
        subprocess.run([PYTHON, "-c", FOUND, config, *pairs], check=True, cwd=PROJECT)

    def _configuration(self, nodes):
        monitor = MONITOR[self.setting]
        return json.dumps(
            {
                "cluster": "bench",
                "options": {"dead_after": f"{DEAD_AFTER_MS[self.setting]}ms"},
                "links": {"ring0": {"port": 6940}},
                "nodes": {node.name: {"addresses": {"ring0": node.ip}} for node in nodes},
                "resources": {
                    "vip": {
                        "agent": "address",
                        "parameters": {"address": f"{VIP}/{PREFIX}", "interface": IFACE},
                    },
                    "svc": {
                        "agent": "process",
                        "parameters": {"command": SERVICE, "ready_port": READY_PORT},
                        "exclusivity": "none",
                        "operations": {"monitor": {"interval": monitor, "timeout": "20s"}},
                    },
                },
                "constraints": {"together": {"colocation": "svc", "with": "vip"}},
                "defaults": {"resource": {"stickiness": 100}},
            }
        )

    def start_node(self, node):
        """Start the daemon; what it logs goes to the bench's syslog."""
        command = '"$0" -m ha_core.runtime.daemon --root "$1" --foreground 2>&1 | logger -t had'
        root = os.path.join(node.dir, "root")
        node.spawn("/bin/sh", "-c", command, PYTHON, root, env=(f"PYTHONPATH={PROJECT}",))

    def _ha(self, *words, check=True):
        node = next(node for node in self.lab.nodes if node.alive and not node.frozen)
        root = os.path.join(node.dir, "root")
        program = "from ha_core.cli.main import main; main()"
        return node.run(
            "env",
            f"PYTHONPATH={PROJECT}",
            PYTHON,
            "-c",
            program,
            "--root",
            root,
            *words,
            check=check,
        )

    def settled(self):
        """Return whether all live nodes are online, nothing is under way and nothing has failed."""
        done = self._ha("status", "--json", check=False)
        if done.returncode:
            return False
        seen = json.loads(done.stdout)
        live = {node.name for node in self.lab.nodes if node.alive}
        online = {name for name, node in seen["nodes"].items() if node["state"] == "online"}
        resources = seen["resources"].values()
        if any(item["fail_count"] for item in resources):
            self._ha("resource", "cleanup", "svc", check=False)
            return False
        running = all(item["state"] == "started" for item in resources)
        return seen["quorate"] and live <= online and running and not seen["pending"]

    def switchover(self, to):
        """Move the group; return when it was asked."""
        start = clock()
        self._ha("resource", "move", "vip", "--to", to, "--no-wait")
        return start

    def after_switchover(self):
        """End the move."""
        self._ha("resource", "clear", "vip")

    def repair_service(self, node):
        """Forget the failure."""
        self._ha("resource", "cleanup", "svc", check=False)


__all__ = ["LabError", "System"]
