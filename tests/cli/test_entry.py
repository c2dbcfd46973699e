"""What is answered before the verbs are known: the plainest plan, as the verb itself gives it."""

import subprocess
import sys
from pathlib import Path

import pytest

from ha_core.cli.entry import plainly_asked

SAMPLE = Path(__file__).parents[2] / "etc" / "pacemaker" / "cib.xml"


def run(*words: str, module: str = "ha_core.cli") -> subprocess.CompletedProcess[str]:
    """Run the command line as a process."""
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        (("policy", "--cib", "x"), ("x", False)),
        (("policy", "--cib", "x", "--json"), ("x", True)),
        (("policy", "--json", "--cib", "x"), ("x", True)),
        (("policy", "--json", "--json", "--cib", "x"), None),
        (("--json", "policy", "--cib", "x"), None),
        (("policy", "--cib", "--json", "x"), None),
        (("policy", "--cib", "--help"), None),
        (("policy", "--cib", ""), None),
        (("policy", "--cib"), None),
        (("policy", "--cib", "x", "--like", "2.1.5"), None),
        (("status",), None),
        ((), None),
    ],
)
def test_only_a_plan_and_nothing_else_is_plainly_asked(
    words: tuple[str, ...], plain: tuple[str, bool] | None
) -> None:
    assert plainly_asked(words) == plain


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_plan_is_the_same_with_and_without_the_verbs(more: tuple[str, ...]) -> None:
    words = ("policy", "--cib", str(SAMPLE), *more)
    short, long = run(*words), run(*words, module="ha_core.cli.main")
    assert (short.stdout, short.stderr, short.returncode) == (long.stdout, "", 0)
    assert short.stdout


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_fault_is_told_as_the_verb_tells_it(more: tuple[str, ...], tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text("<cib")
    for file in (bad, tmp_path / "none.xml"):
        words = ("policy", "--cib", str(file), *more)
        short, long = run(*words), run(*words, module="ha_core.cli.main")
        assert (short.stdout, short.stderr, short.returncode) == (long.stdout, long.stderr, 5)
        assert short.stderr.startswith(f"ha: {'cannot read ' if file != bad else ''}{file}: ")


def test_fault_of_what_can_be_read_only_once_is_told(tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text("<cib></nonsense>")
    command = [sys.executable, "-m", "ha_core.cli", "policy", "--cib", "/dev/stdin"]
    with subprocess.Popen(["cat", str(bad)], stdout=subprocess.PIPE) as pipe:
        done = subprocess.run(
            command, stdin=pipe.stdout, capture_output=True, text=True, check=False
        )
    assert "mismatched tag" in done.stderr


def test_every_other_line_is_the_verbs() -> None:
    done = run("--version")
    assert done.stdout.startswith("ha, version ")
    assert run("nonsense").returncode == 2


def test_neither_click_nor_an_event_loop_is_loaded_for_it() -> None:
    code = (
        "import sys; from ha_core.cli.entry import main\n"
        f"sys.argv = ['ha', 'policy', '--cib', {str(SAMPLE)!r}, '--json']\n"
        "main()\n"
        "print(sorted({'click', 'asyncio', 'yaml', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
