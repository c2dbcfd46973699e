"""What is asked, as whole HTTP requests such as pywbem sends, and a server in a process."""

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import psutil
from servers import CLASS, USER

PROPERTIES = (
    *("Id", "Caption", "CreationClassName", "Description", "ElementName", "EnabledState"),
    *("HealthState", "HostingNode", "Name", "OperationalStatus", "PlacementReason"),
    *("RequestedState", "ResourceStatus", "StatusDescriptions", "SystemName"),
)
assert len(PROPERTIES) == 15


def enumerate_request() -> bytes:
    """Return a request for fifteen properties of all resources."""
    named = f'<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="{CLASS}"/></IPARAMVALUE>'
    return http("EnumerateInstances", named + _listed())


def everything_request() -> bytes:
    """Return a request for all properties of all resources."""
    named = f'<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="{CLASS}"/></IPARAMVALUE>'
    return http("EnumerateInstances", named)


def get_request(name: str) -> bytes:
    """Return a request for fifteen properties of one resource."""
    keys = {
        "CreationClassName": CLASS,
        "Id": name,
        "SystemCreationClassName": "HA_Cluster",
        "SystemName": "LinuxHACluster",
    }
    bindings = "".join(
        f'<KEYBINDING NAME="{key}"><KEYVALUE VALUETYPE="string">{value}</KEYVALUE></KEYBINDING>'
        for key, value in keys.items()
    )
    path = f'<INSTANCENAME CLASSNAME="{CLASS}">{bindings}</INSTANCENAME>'
    return http("GetInstance", f'<IPARAMVALUE NAME="InstanceName">{path}</IPARAMVALUE>' + _listed())


def _listed() -> str:
    values = "".join(f"<VALUE>{name}</VALUE>" for name in PROPERTIES)
    array = f"<VALUE.ARRAY>{values}</VALUE.ARRAY>"
    return f'<IPARAMVALUE NAME="PropertyList">{array}</IPARAMVALUE>'


def http(method: str, parameters: str, target: str = "/cimom") -> bytes:
    """Return an intrinsic call with its head."""
    body = (
        '<?xml version="1.0" encoding="utf-8" ?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0">'
        '<MESSAGE ID="1001" PROTOCOLVERSION="1.0"><SIMPLEREQ>'
        f'<IMETHODCALL NAME="{method}"><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/>'
        f'<NAMESPACE NAME="cimv2"/></LOCALNAMESPACEPATH>{parameters}</IMETHODCALL></SIMPLEREQ>'
        "</MESSAGE></CIM>"
    ).encode()
    lines = (
        f"POST {target} HTTP/1.1",
        "Host: localhost",
        "User-Agent: python-requests/2.32",
        "Accept-Encoding: gzip, deflate",
        "Accept: */*",
        "Connection: keep-alive",
        'Content-type: application/xml; charset="utf-8"',
        "CIMOperation: MethodCall",
        f"CIMMethod: {method}",
        "CIMObject: root/cimv2",
        f"Authorization: Basic {b64encode(':'.join(USER).encode()).decode()}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    """A server in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        program = str(Path(__file__).with_name("servers.py"))
        self.process = subprocess.Popen(
            [sys.executable, program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.watched = psutil.Process(self.process.pid)
        self.state = self._answer()

    def _answer(self) -> dict[str, object]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the server ended: {self.process.wait()}"
        answer: dict[str, object] = json.loads(line)
        return answer

    def change(self, why: str) -> None:
        """Change one property of one resource, and come back when it is changed."""
        assert self.process.stdin is not None
        self.process.stdin.write(why.encode() + b"\n")
        self.process.stdin.flush()
        self._answer()

    def port(self, scheme: str) -> int:
        """Return where it listens."""
        return int(str(self.state[scheme]))

    def megabytes(self) -> float:
        """Return how much memory it has in use."""
        return float(self.watched.memory_info().rss) / 1e6

    def stop(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)
