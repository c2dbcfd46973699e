"""How fast the WBEM server is, as ratios of one run to a bare aiohttp server.

The bare server returns fixed bytes of the same size, without authentication and
without looking at what it is asked. Ours has authentication, the real schema and
a cluster of 20 and of 1,000 resources. Both run in processes of their own and are
asked in turns over kept connections by a client that only counts bytes; both with TLS
as well. Prints a table and one JSON line; exits with 1 if a figure misses its goal.

    python benchmarks/wbem [--seconds 2] [--rounds 3] [--only NAME]
"""

import argparse
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from asking import Server, enumerate_request, everything_request, get_request
from floor import tls_to_plain
from load import Client, Figures, drive, wait_beside

ROOT = Path(__file__).parents[2]
READY = b"READY"


@dataclass(frozen=True)
class Case:
    """One thing that is asked, of how large a cluster, and what the ratio should be."""

    name: str
    resources: int
    request: bytes
    goal: float


CASES = (
    Case("20 instances", 20, enumerate_request(), 1.3),
    Case("1000 instances", 1000, enumerate_request(), 0.8),
    Case("GetInstance", 20, get_request("resource-0007"), 1.3),
)
DELAY_MS_MAX = 20.0
TLS_GOAL, SPREAD_MAX, LOAD_MB_MAX, IDLE_MB_MAX, START_S_MAX = 0.6, 5.0, 80.0, 60.0, 1.5


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument(
        "--changes", type=float, default=0.0, help="changes of the cluster a second"
    )
    options = parser.parse_args()
    rows: list[tuple[str, float, str, float]] = []
    result: dict[str, object] = {"load": os.getloadavg()[0]}
    for case in CASES:
        if options.only in case.name:
            measure_case(case, options, rows, result)
    if options.only in "delay":
        measure_delay(options, rows, result)
    if options.only in "start":
        measure_start(rows)
    missed = 0
    for name, value, relation, goal in rows:
        is_met = value >= goal if relation == ">=" else value <= goal
        missed += not is_met
        print(f"{name:48} {value:10.2f}   {relation} {goal:g}{'' if is_met else '   MISSED'}")
    print(json.dumps(result))
    return 1 if missed else 0


def measure_case(case: Case, options: argparse.Namespace, rows: list, result: dict) -> None:
    """Measure one case against the bare server, plain and with TLS."""
    with tempfile.TemporaryDirectory() as directory:
        ours = Server("wbem", directory, str(case.resources), str(options.changes))
        port = ours.port("http")
        idle_mb = ours.megabytes()
        content = Client(port, case.request, None).measure()
        file = Path(directory, "body")
        file.write_bytes(content)
        bare = Server("bare", str(file))
        fixed = case.request.replace(b"POST /cimom", b"POST /0", 1)
        context = ssl.create_default_context(cafile=str(ours.state["certificate"]))
        certificate = Path(str(ours.state["certificate"]))
        key = certificate.with_name("key.pem")
        secure_bare = Server("secure", str(certificate), str(key), str(file))
        memory_mb = 0.0
        for concurrency in (8, 64):
            found: dict[str, list[Figures]] = {"ours": [], "bare": [], "tls": [], "bare tls": []}
            for _ in range(options.rounds):
                how = (concurrency, options.seconds)
                found["bare"].append(drive(bare.watched, bare.port("http"), fixed, *how))
                found["ours"].append(drive(ours.watched, port, case.request, *how))
                memory_mb = max(memory_mb, ours.megabytes())
                secure = drive(ours.watched, ours.port("https"), case.request, *how, context)
                found["tls"].append(secure)
                how = (*how, context)
                secure = drive(secure_bare.watched, secure_bare.port("https"), fixed, *how)
                found["bare tls"].append(secure)
                memory_mb = max(memory_mb, ours.megabytes())
            _tell(case, concurrency, found, rows, result)
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(certificate, key)
        result[case.name] = {
            "bytes": len(content),
            "memory_mb": round(memory_mb, 1),
            "tls_to_plain_of_a_bare_loop": round(tls_to_plain(len(content), server, context), 2),
        }
        rows.append((f"{case.name}: memory under load, MB", memory_mb, "<=", LOAD_MB_MAX))
        rows.append((f"{case.name}: memory before any request, MB", idle_mb, "<=", IDLE_MB_MAX))
        bare.stop()
        secure_bare.stop()
        ours.stop()


def _tell(
    case: Case, concurrency: int, found: dict[str, list[Figures]], rows: list, result: dict
) -> None:
    def median(values: list[float]) -> float:
        return statistics.median(values)

    ours, bare, tls = found["ours"], found["bare"], found["tls"]
    name = f"{case.name} at {concurrency}"
    pairs = (zip(ours, bare, strict=True), zip(tls, ours, strict=True))
    ratio, secure = (median([a.rate / b.rate for a, b in each]) for each in pairs)
    pairs = (zip(ours, bare, strict=True), zip(tls, ours, strict=True))
    ratio_used, secure_used = (
        median([a.per_processor_s / b.per_processor_s for a, b in each]) for each in pairs
    )
    spread = median([each.p99_us / each.p50_us for each in ours])
    rows.append((f"{name}: to bare aiohttp", ratio, ">=", case.goal))
    rows.append((f"{name}: the same by processor time", ratio_used, ">=", case.goal))
    rows.append((f"{name}: TLS to plain", secure, ">=", TLS_GOAL))
    rows.append((f"{name}: the same by processor time", secure_used, ">=", TLS_GOAL))
    pairs_tls = zip(tls, found["bare tls"], strict=True)
    ratio_tls = median([a.rate / b.rate for a, b in pairs_tls])
    rows.append((f"{name}: TLS to bare aiohttp's TLS", ratio_tls, ">=", case.goal))
    rows.append((f"{name}: p99 to p50", spread, "<=", SPREAD_MAX))
    result[name] = {
        kind: {
            "rate": round(median([each.rate for each in figures])),
            "used_us": round(1e6 / median([each.per_processor_s for each in figures]), 1),
            "p50_us": round(median([each.p50_us for each in figures])),
            "p99_us": round(median([each.p99_us for each in figures])),
            "longest_us": round(max(each.longest_us for each in figures)),
        }
        for kind, figures in found.items()
    }


def measure_delay(options: argparse.Namespace, rows: list, result: dict) -> None:
    """Measure how long one resource takes while two clients ask for all of a thousand.

    The cluster changes all the time, so that every long answer is made anew.
    """
    with tempfile.TemporaryDirectory() as directory:
        ours = Server("wbem", directory, "1000", "50")
        quick = get_request("resource-0007")
        port, seconds = ours.port("http"), options.seconds * options.rounds
        taken_s = wait_beside(port, everything_request(), quick, seconds)
        ours.stop()
    rows.append(
        ("one resource beside long answers: longest, ms", taken_s[-1] * 1e3, "<=", DELAY_MS_MAX)
    )
    result["delay"] = {
        "asked": len(taken_s),
        "p50_us": round(taken_s[len(taken_s) // 2] * 1e6),
        "p99_us": round(taken_s[len(taken_s) * 99 // 100] * 1e6),
        "longest_us": round(taken_s[-1] * 1e6),
    }


def measure_start(rows: list) -> None:
    """Measure how long `ha-cimd` takes to be ready, with everything on disk that it makes once."""
    with tempfile.TemporaryDirectory() as directory:
        Server("wbem", directory, "1").stop()  # makes the user and the certificate
        options = f"--root {directory} --http-port 0 --https-port 0 --bind 127.0.0.1".split()
        times_s = []
        for _ in range(3):
            begin_s = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "cim_provider.server.daemon", "run", *options],
                stderr=subprocess.PIPE,
                cwd=ROOT,
            )
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith(READY):
                    break
            times_s.append(time.perf_counter() - begin_s)
            process.terminate()
            process.communicate(timeout=30)
        rows.append(("start to READY, s", statistics.median(times_s), "<=", START_S_MAX))


if __name__ == "__main__":
    sys.exit(main())
