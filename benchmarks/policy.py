"""Planning for big clusters: 'ha policy' beside Pacemaker's crm_simulate, whole processes, in turn.

Made-up CIBs with groups, colocations, orderings, preferences and histories in which some nodes are
in standby, so that a part of the resources must move. Prints the median time and the largest
memory of each, and their ratios; ends with 1 if ours is slower from 100 primitives on, not five
times faster at 1,000 primitives on 32 nodes, or takes more memory there. The biggest sizes are
tried with ours alone (`--alone`), since the other takes minutes for them. `--replan` measures how
long the coordinator takes to plan again after one change, in processor time.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

import _replan

OURS: Final = (sys.executable, "-m", "ha_core.cli", "policy", "--json", "--cib")
THEIRS: Final = ("crm_simulate", "-R", "-Q", "-x")
SIZES: Final = ((100, 16), (1000, 16), (1000, 32))
ALONE: Final = ((5000, 16), (10_000, 64))
ALONE_S_MAX: Final = 5.0
ALONE_MB_MAX: Final = 600.0
TIMES_FASTER: Final = 5
MOMENT: Final = 1_700_000_000
DIGEST: Final = "f2317cad3d54cec5d7d7aa7d0bf35cf8"
"""Of no parameters at all."""
KEY: Final = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Run:
    """What one process took."""

    seconds: float
    megabytes: float


def element(tag: str, *children: str, **attributes: object) -> str:
    """Return an element; a trailing underline of a name is dropped, others are dashes."""
    said = "".join(
        f" {name.rstrip('_').replace('__', '-')}={quoteattr(str(value))}"
        for name, value in attributes.items()
    )
    return f"<{tag}{said}>{''.join(children)}</{tag}>"


def primitive(name: str) -> str:
    """Return a primitive with one recurring monitor."""
    monitor = element("op", id=f"{name}-m", name="monitor", interval="10s", timeout="20s")
    return element(
        "primitive",
        element("operations", monitor),
        id=name,
        class_="ocf",
        provider="pacemaker",
        type="Dummy",
    )


def constraints(count: int, nodes: int, chance: random.Random) -> str:
    """Return a preference for every second resource, and a bond for every fourth."""
    made = []
    for number in range(0, count, 2):
        node, score = f"n{chance.randrange(nodes)}", chance.choice((10, 50, 100))
        made.append(
            element("rsc_location", id=f"l{number}", rsc=f"r{number}", node=node, score=score)
        )
    for number in range(4, count, 4):
        other = f"r{number - chance.randint(1, 3)}"
        made.append(
            element("rsc_colocation", id=f"c{number}", rsc=f"r{number}", score=100, with__rsc=other)
        )
        made.append(element("rsc_order", id=f"o{number}", first=other, then=f"r{number}"))
    return "".join(made)


def history(node: int, names: list[str]) -> str:
    """Return what a node says of what runs there."""
    told = []
    for number, name in enumerate(names):
        operation = element(
            "lrm_rsc_op",
            id=f"{name}_last_0",
            operation="start",
            operation_key=f"{name}_start_0",
            crm_feature_set="3.16.1",
            transition__key=f"{number + 1}:1:0:{KEY}",
            transition__magic=f"0:0;{number + 1}:1:0:{KEY}",
            exit__reason="",
            on_node=f"n{node}",
            call__id=number + 1,
            rc__code=0,
            op__status=0,
            interval=0,
            last__rc__change=MOMENT - 1000,
            op__digest=DIGEST,
        )
        told.append(
            element(
                "lrm_resource", operation, id=name, type="Dummy", class_="ocf", provider="pacemaker"
            )
        )
    lrm = element("lrm", element("lrm_resources", *told), id=f"{node + 1}")
    return element(
        "node_state",
        lrm,
        id=f"{node + 1}",
        uname=f"n{node}",
        in_ccm="true",
        crmd="online",
        join="member",
        expected="member",
    )


def cib(count: int, nodes: int, seed: int) -> str:
    """Return a CIB of so many primitives, of which every tenth node must be left."""
    chance = random.Random(seed)
    runs: list[list[str]] = [[] for _ in range(nodes)]
    for number in range(count):
        runs[chance.randrange(nodes)].append(f"r{number}")
    members = []
    for n in range(nodes):
        standby = element(
            "nvpair", id=f"s{n}", name="standby", value="on" if n % 10 == 9 else "off"
        )
        attributes = element("instance_attributes", standby, id=f"a{n}")
        members.append(element("node", attributes, id=f"{n + 1}", uname=f"n{n}"))
    off = element("nvpair", id="o1", name="stonith-enabled", value="false")
    configuration = element(
        "configuration",
        element("crm_config", element("cluster_property_set", off, id="cib-bootstrap-options")),
        element("nodes", *members),
        element("resources", *(primitive(f"r{number}") for number in range(count))),
        element("constraints", constraints(count, nodes, chance)),
    )
    states = element("status", *(history(node, names) for node, names in enumerate(runs)))
    return element(
        "cib",
        configuration,
        states,
        validate__with="pacemaker-3.9",
        crm_feature_set="3.16.1",
        epoch=1,
        num_updates=0,
        admin_epoch=0,
        have__quorum=1,
        dc__uuid="1",
        execution__date=MOMENT,
    )


def measured(command: tuple[str, ...]) -> Run:
    """Run a process to its end; its output goes nowhere."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Run(seconds, used.ru_maxrss / 1024)


def told(name: str, runs: list[Run]) -> Run:
    """Print and return the median time and the largest memory."""
    found = Run(statistics.median(r.seconds for r in runs), max(r.megabytes for r in runs))
    print(f"  {name:13}{found.seconds:8.2f} s {found.megabytes:8.0f} MB", flush=True)
    return found


def side_by_side(count: int, nodes: int, runs: int, place: Path) -> bool:
    """Measure both in turn; return whether ours is as good as promised."""
    place.write_text(cib(count, nodes, count + nodes), encoding="ascii")
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(measured((*OURS, str(place))))
        theirs.append(measured((*THEIRS, str(place))))
    print(f"{count} primitives on {nodes} nodes, {runs} runs")
    mine, other = told("ha policy", ours), told("crm_simulate", theirs)
    faster = other.seconds / mine.seconds
    print(f"  {faster:.1f} times faster, {mine.megabytes / other.megabytes:.2f} of the memory")
    wanted = TIMES_FASTER if (count, nodes) == SIZES[-1] else 1
    return faster >= wanted and (count < 1000 or mine.megabytes < other.megabytes)


def runs_of(count: int, runs: int) -> int:
    """Return how often to run: the other takes a minute for the biggest."""
    return runs if count < 1000 else max(runs // 5, 1)


def alone(count: int, nodes: int, place: Path) -> bool:
    """Measure ours; return whether it is within its bounds."""
    place.write_text(cib(count, nodes, count + nodes), encoding="ascii")
    print(f"{count} primitives on {nodes} nodes")
    found = told("ha policy", [measured((*OURS, str(place)))])
    return found.seconds <= ALONE_S_MAX and found.megabytes <= ALONE_MB_MAX


def replanned() -> bool:
    """Measure plans after single changes; return whether the coordinator is quick enough."""
    found = _replan.measured()
    print(f"{_replan.RESOURCES} resources on {_replan.NODES} nodes, {_replan.CHANGES} changes")
    print(f"  all at once   {found.first_ms:8.1f} ms")
    print(
        f"  each change   {found.median_ms:8.1f} ms (median; {max(found.each_ms):.1f} ms at most)"
    )
    print(f"  the collector {found.collector_ms:8.1f} ms, after a plan")
    return found.median_ms <= _replan.REPLAN_MS_MAX


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="the biggest sizes, ours alone")
    parser.add_argument("--replan", action="store_true", help="the coordinator's next plans")
    options = parser.parse_args()
    good = True
    if options.replan:
        return 0 if replanned() else 1
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "cib.xml"
        if options.alone:
            good = all([alone(*size, place) for size in ALONE])
        elif shutil.which(THEIRS[0]) is None:
            print("crm_simulate is not installed: 'apt-get install pacemaker-cli-utils'")
        else:
            good = all(
                [side_by_side(*size, runs_of(size[0], options.runs), place) for size in SIZES]
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
