"""What an idle cluster costs: three daemons begun with init and join, twenty supervised commands.

Prints memory, processor time and wake-ups of each daemon and its guardian, and ends with 1 if a
daemon is above its bound: 60 MB resident, 2 % of a core. The share of the processor is processor
time over elapsed time within one run; a bare Python interpreter with asyncio and the TLS library
loaded stands beside it, because it is what the rest is added to.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from ha_core.layout import Layout
from ha_core.runtime import launch

NODES = ("n1", "n2", "n3")
NETWORK = "127.77.7"
RESOURCES = 20
MEGABYTES_MAX = 60.0
PERCENT_MAX = 2.0
SETTLE_S = 5.0
HA = (sys.executable, "-m", "ha_core.cli.main")
BARE = "import asyncio, ssl, sys; print(flush=True); sys.stdin.read()"


@dataclass(frozen=True)
class Reading:
    """Counters of a process at one moment."""

    cpu_s: float
    switches: int
    rss_mb: float

    @staticmethod
    def of(process: psutil.Process) -> "Reading":
        times, switches = process.cpu_times(), process.num_ctx_switches()
        total = switches.voluntary + switches.involuntary
        return Reading(times.user + times.system, total, process.memory_info().rss / 1e6)


def ha(*words: object) -> str:
    done = subprocess.run([*HA, *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout


def build(directory: Path) -> list[Path]:
    """Make the cluster and give it something to watch; return the nodes' roots."""
    roots = [directory / name for name in NODES]
    ha("--root", roots[0], "init", "--node", NODES[0], "--address", f"{NETWORK}.1")
    for number, root in enumerate(roots[1:], 2):
        token = ha("--root", roots[0], "token").strip()
        name = NODES[number - 1]
        ha("--root", root, "join", token, "--node", name, "--address", f"{NETWORK}.{number}")
    services = "".join(
        f"  s{number}:\n    agent: process\n    parameters: {{command: sleep 100000}}\n"
        "    operations:\n      monitor: {interval: 10s, timeout: 5s}\n"
        for number in range(RESOURCES)
    )
    wanted = directory / "wanted.yaml"
    wanted.write_text(f"{ha('--root', roots[0], 'export')}\nresources:\n{services}")
    ha("--root", roots[0], "apply", wanted)
    return roots


def processes(roots: list[Path]) -> dict[str, psutil.Process]:
    found = {}
    for root in roots:
        daemon = psutil.Process(launch.running_pid(Layout(root)) or 0)
        found[f"had {root.name}"] = daemon
        for child in daemon.children():
            if any("guardian_main" in word for word in child.cmdline()):
                found[f"guardian {root.name}"] = child
    return found


def measure(watched: dict[str, psutil.Process], seconds: float) -> bool:
    """Print the table; return whether every daemon is within its bounds."""
    before = {name: Reading.of(process) for name, process in watched.items()}
    began = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    good = True
    print(f"{'process':14} {'MB':>7} {'% of a core':>12} {'wake-ups/s':>11}")
    for name, process in watched.items():
        after = Reading.of(process)
        percent = 100 * (after.cpu_s - before[name].cpu_s) / elapsed
        wakes = (after.switches - before[name].switches) / elapsed
        print(f"{name:14} {after.rss_mb:7.1f} {percent:12.2f} {wakes:11.1f}")
        if name.startswith("had"):
            good = good and after.rss_mb < MEGABYTES_MAX and percent < PERCENT_MAX
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bk-idle-") as name:
        roots = [Path(name) / node for node in NODES]
        bare = subprocess.Popen(
            [sys.executable, "-c", BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            roots = build(Path(name))
            assert bare.stdout is not None
            bare.stdout.readline()
            time.sleep(SETTLE_S)
            watched = processes(roots) | {"bare python": psutil.Process(bare.pid)}
            good = measure(watched, options.seconds)
        finally:
            bare.kill()
            bare.communicate()
            for root in roots:
                pid = launch.running_pid(Layout(root))
                if pid is not None:
                    daemon = psutil.Process(pid)
                    daemon.kill()
                    psutil.wait_procs([daemon], timeout=10)
    bound = f"a daemon: under {MEGABYTES_MAX:g} MB and {PERCENT_MAX:g} % of a core"
    print(f"{bound}: {'held' if good else 'NOT HELD'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
