"""Runs the examples of a page of the documentation, and compares what they print.

Owns: which blocks are examples (`console` with `$` before each command, `python` with what it
prints in the `text` block behind it), the server that they meet (the engine in memory with the
sample cluster), and the names that stand for its ports and files. An ellipsis in a page stands
for anything.
"""

import contextlib
import io
import os
import re
import shutil
import socket
import subprocess
import sys
from code import InteractiveInterpreter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.laboratory import Laboratory, all_run, laboratory

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools" / "bin"
PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"], str(TOOLS)))
BLOCK = re.compile(r"^```(console|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = ("wbemcli", "pywbemcli", "check_beatkeeper", "curl")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
LASTING = re.compile(r"^(export |[A-Za-z_]\w*=)")
ANYTHING = "…"


@dataclass(frozen=True)
class Example:
    """Commands or code, and what a page says that they print."""

    kind: str
    given: str
    printed: str


def examples(text: str) -> Iterator[Example]:
    """Yield the examples of a page in their order."""
    blocks = BLOCK.findall(text)
    for number, (kind, body) in enumerate(blocks):
        if kind == "python":
            follower = blocks[number + 1] if number + 1 < len(blocks) else ("", "")
            yield Example(kind, body, follower[1] if follower[0] == "text" else "")
        elif kind == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                lines = part.splitlines()
                ends = next(i for i, line in enumerate(lines) if not line.endswith("\\")) + 1
                yield Example(
                    kind, "\n".join(lines[:ends]), "\n".join(lines[ends:]).strip("\n") + "\n"
                )


@dataclass
class Stage:
    """Where the examples of one page are run, one after the other."""

    lab: Laboratory
    home: Path
    port: int
    """A free port, for a listener."""
    lasting: list[str] = field(default_factory=list)
    names: dict[str, object] = field(default_factory=dict)

    def run(self, example: Example) -> str:
        """Return what an example prints, in the names of the page."""
        given = self._real(example.given)
        if example.kind == "python":
            return self._shown(self._python(given))
        if LASTING.match(given):
            self.lasting.append(given)
            return ""
        return self._shown(self._shell(given))

    def _python(self, given: str) -> str:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            InteractiveInterpreter(self.names).runsource(given, "page", "exec")
        return output.getvalue()

    def _shell(self, given: str) -> str:
        kept = {name: value for name, value in os.environ.items() if name not in BUNDLES}
        done = subprocess.run(
            ["bash", "-c", "\n".join((*self.lasting, given))],
            env={**kept, "PATH": PATH, "HOME": str(self.home)},
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout + done.stderr

    def _pairs(self) -> tuple[tuple[str, str], ...]:
        where = next(each for each in self.lab.value["wbem"] if each["node"] == "n1")
        certificate = self.lab.root("n1") / "etc" / "cimd" / "certificate.pem"
        return (
            ("https://node1:5989", where["https"]),
            ("node1:5988", where["http"].removeprefix("http://")),
            ("admin:PASSWORD", f"{where['user']}:{where['password']}"),
            ('"admin", "PASSWORD"', f'"{where["user"]}", "{where["password"]}"'),
            ("USER=admin", f"USER={where['user']}"),
            ("PASSWORD=PASSWORD", f"PASSWORD={where['password']}"),
            ("--user admin", f"--user {where['user']}"),
            ("cluster.pem", str(certificate)),
            ("examples/console.py", str(ROOT / "examples" / "console.py")),
            ("15988", str(self.port)),
        )

    def _real(self, text: str) -> str:
        for name, real in self._pairs():
            text = text.replace(name, real)
        return text

    def _shown(self, text: str) -> str:
        for name, real in (*self._pairs(), ("node1", socket.gethostname())):
            text = re.sub(rf"(?<![\w.]){re.escape(real)}(?!\w)", name, text)
        return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"


def needed(text: str) -> set[str]:
    """Return the programs that a page calls and that are not here."""
    calls = "\n".join(each.given for each in examples(text) if each.kind == "console")
    found = {name for name in PROGRAMS if re.search(rf"\b{name}\b", calls)}
    return {name for name in found if shutil.which(name, path=PATH) is None}


@contextlib.contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """Make a cluster of three nodes, on which a page is played."""
    home = directory / "home"
    home.mkdir()
    with laboratory(directory / "lab", "--config", str(ROOT / "etc" / "demo.yaml")) as lab:
        lab.becomes("n1", all_run)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        yield Stage(lab, home, port)


def fits(expected: str, printed: str) -> bool:
    """Return whether something printed is what a page says; an ellipsis is anything."""
    parts = [re.escape(each) for each in expected.strip().split(ANYTHING)]
    return re.fullmatch(".*".join(parts), printed.strip(), re.DOTALL) is not None
