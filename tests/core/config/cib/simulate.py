"""What crm_simulate makes of an exported CIB: where every resource of a fresh cluster ends up.

Owns: the call. Needs Debian's pacemaker-cli-utils; `find()` says whether it is there.
"""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from ha_core.config.cib import export_cib
from ha_core.config.model import Configuration

NOW_S: Final = 1_000_000
_ENVIRONMENT: Final = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/bin"}


@dataclass(frozen=True)
class Answer:
    """Where resources, or any instances of them, are afterwards, by their ids."""

    places: dict[str, tuple[str, ...]]


def find(name: str = "crm_simulate") -> str | None:
    """Return the program's path, or None."""
    return shutil.which(name)


def fresh(configuration: Configuration) -> str:
    """Return the exported CIB with a status in which every node is there and nothing has run."""
    states = "".join(
        f"<node_state id={quoteattr(node.name)} uname={quoteattr(node.name)} in_ccm='true'"
        f" crmd='online' join='member' expected='member'><lrm id={quoteattr(node.name)}>"
        "<lrm_resources/></lrm>"
        # Without this mark of an earlier unfencing Pacemaker would have to do that first.
        f"<transient_attributes id={quoteattr(node.name)}><instance_attributes"
        f" id='s-{number}'><nvpair id='s-{number}-u' name='#node-unfenced' value='1'/>"
        "</instance_attributes></transient_attributes></node_state>"
        for number, node in enumerate(configuration.nodes)
    )
    text = export_cib(configuration).replace("<status/>", f"<status>{states}</status>")
    status = f'<cib have-quorum="true" dc-uuid="x" execution-date="{NOW_S}" '
    return text.replace("<cib ", status, 1)


def ask(program: str, directory: Path, text: str) -> Answer | None:
    """Run crm_simulate on the CIB; None: its own graph goes round in a circle, or it gives up."""
    file = directory / "cib.xml"
    file.write_text(text, encoding="utf-8")
    command = [program, "-S", "-x", str(file), "--output-as=xml"]
    environment = _ENVIRONMENT | {"CIB_shadow_dir": str(directory)}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    output = done.stdout.decode()
    if "An invalid transition was produced" in output or b"fatal assertion" in done.stderr:
        return None
    assert done.returncode == 0, (done.returncode, output[-500:], done.stderr.decode()[-2000:])
    root = ET.fromstring(output[output.find("<pacemaker-result") :])
    section = root.find("revised_cluster_status/resources")
    if section is None:
        section = root.find("cluster_status/resources")
    assert section is not None
    places: dict[str, tuple[str, ...]] = {}
    for item in section.iter("resource"):
        found = [n.get("name", "") for n in item.findall("node") if item.get("role") != "Stopped"]
        name = item.get("id", "").partition(":")[0]
        places[name] = tuple(sorted({*places.get(name, ()), *found}))
    return Answer(places)
