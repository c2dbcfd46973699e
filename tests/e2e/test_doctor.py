"""`ha doctor` and `ha report` on a real cluster: at rest, after a power cut, and over WBEM."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import base64
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cim.indications.test_cluster import connection
from tests.e2e.laboratory import Laboratory, laboratory, moved_from, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SERVICE = "HA_ClusterControlService"
OF_THE_MACHINE = ("clocks", "load", "reach", "disk")
"""What says more of the machine, and of the lab's own configuration, than of the cluster."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("doctor") / "lab", "--nodes", "3") as made:
        yield made


def found(lab: Laboratory, node: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Return the exit code of `ha doctor` on a node, and its findings by their checks."""
    ended = run("doctor", "--json", BEATKEEPER_ROOT=str(lab.root(node)))
    by_check: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(ended.stdout)["findings"]:
        by_check.setdefault(each["check"], []).append(each)
    return ended.returncode, by_check


def bad(findings: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return what is wrong with the cluster, in words."""
    return [
        each["text"]
        for check, own in findings.items()
        for each in own
        if each["severity"] != "ok" and check not in OF_THE_MACHINE
    ]


def test_well_cluster_has_nothing_to_mend_and_a_lost_node_shows_everywhere(
    lab: Laboratory, tmp_path: Path
) -> None:
    _, findings = found(lab, "n2")
    assert bad(findings) == []
    assert {"daemon", "wbem", "certificate", "spares", "versions", "rights"} <= findings.keys()
    assert "guardian" in findings["daemon"][0]["text"]
    before = lab.status("n2")
    victim = next(
        n for n in ("n1", "n3") if any(n in r["nodes"] for r in before["resources"].values())
    )
    assert lab.lab("kill", victim).returncode == 0
    lab.becomes("n2", lambda snapshot: moved_from(victim, snapshot))
    code, findings = found(lab, "n2")
    assert code == 6
    assert [each["subject"] for each in findings["nodes"]] == [victim]
    assert findings["quorum"][0]["severity"] == "warning"
    assert any(each["text"].startswith("if ") for each in findings["spares"])
    path = tmp_path / "r.tar.gz"
    words = ("report", "--incident", "last", "--output", str(path))
    ended = run(*words, BEATKEEPER_ROOT=str(lab.root("n2")))
    assert ended.returncode == 0, ended.stderr
    with tarfile.open(path) as archive:
        files = {entry.name.partition("/")[2]: entry for entry in archive.getmembers()}
        shown = archive.extractfile(files["timeline.txt"])
        assert shown is not None
        assert f"{victim} is lost" in shown.read().decode()
        index = archive.extractfile(files["INDEX.txt"])
        assert index is not None
        assert f"  {victim:<12}  it is lost and told nothing now" in index.read().decode()
    assert {"nodes/n2/logs/had.log", f"nodes/{victim}/operations.jsonl"} <= files.keys()
    lab.mend()


def test_console_is_told_the_same_findings_and_given_the_same_archive(lab: Laboratory) -> None:
    client = connection(lab, "n2")
    (service,) = client.EnumerateInstanceNames(SERVICE)
    code, outputs = client.InvokeMethod("Diagnose", service)
    assert code == 0, outputs
    told = json.loads(outputs["Result"])
    assert (told["cluster"], told["node"]) == (lab.status("n2")["name"], "n2")
    assert len(outputs["Findings"]) == len(told["findings"])
    code, outputs = client.InvokeMethod("Report", service, Since="1h")
    assert code == 0, outputs
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(outputs["Archive"]))) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert names[0] == "INDEX.txt"
    assert all(name in outputs["Index"] for name in names[1:])
    code, outputs = client.InvokeMethod("Report", service, Since="yesterday")
    assert (code, "is no time" in outputs["Message"]) == (5, True)
