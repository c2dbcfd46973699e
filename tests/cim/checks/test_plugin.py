"""The plug-in for Nagios: every mode and state over a real socket, and what never happens."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from cim_provider.checks.findings import CheckError, State, parse_range
from cim_provider.checks.modes import MODES
from cim_provider.checks.plugin import PASSWORD, check, parser, wanted_of
from cim_provider.engine import EngineState
from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.pulls import Pulls
from tests.cim.mapping.pasts import past
from tests.cim.mapping.test_clients import Site
from tests.cim.mapping.views import IDENTITY, cluster, schema
from tests.cim.pages import examples, fits
from tests.cim.server.harness import OBSERVER, serving
from tests.e2e.laboratory import Laboratory, laboratory, moved_from, run

SAMPLES = Path(__file__).resolve().parents[3] / "etc" / "nagios"
DOCS = SAMPLES.parents[1] / "docs" / "cim"
FIGURE = re.compile(r"'[^'= ]+'=-?\d+(;[^; ]*){0,4}")
"""One item of performance data, as the guidelines have it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    engine = MemoryEngine(cluster())
    mapping = Mapping(schema(), engine, IDENTITY, pulls=Pulls(lambda: 0.0, lambda: "context"))
    with serving(tmp_path_factory.mktemp("checks"), performer=mapping) as served:
        yield Site(served, engine)


@pytest.fixture(autouse=True)
def fresh(site: Site) -> None:
    view = cluster()
    site.engine.become(**{name: getattr(view, name) for name in view.__slots__})


def words(site: Site, mode: str, *more: str) -> list[str]:
    where = ("-H", f"https://localhost:{site.served.https_port}", "--user", OBSERVER[0])
    return [mode, *where, "--ca", str(site.served.certificate), *more]


def told(site: Site, mode: str, *more: str) -> tuple[State, str]:
    """Return what a check by a user who may only view says."""
    return check(wanted_of(words(site, mode, *more), {PASSWORD: OBSERVER[1]}))


def program(*given: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the plug-in as a program; it must never say more than it should."""
    done = subprocess.run(
        [sys.executable, "-m", "cim_provider.checks.plugin", *given],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.startswith("BEATKEEPER "), done.stdout + done.stderr
    return done


def refused(*given: str, **environment: str) -> str:
    with pytest.raises(CheckError) as fault:
        wanted_of(given, environment)
    assert fault.value.state is State.UNKNOWN
    return str(fault.value)


# --- output ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(MODES))
def test_every_mode_says_a_state_a_text_and_figures_as_the_guidelines_have_it(
    site: Site, mode: str
) -> None:
    state, text = told(site, mode, "-w", "5000", "-c", "~:9000")
    first, *more = text.splitlines()
    assert re.match(rf"BEATKEEPER {mode.upper()} (OK|WARNING|CRITICAL|UNKNOWN) - \S", first)
    assert f" {state.name} - " in first
    head, bar, figures = first.partition(" | ")
    assert bar
    assert "|" not in head + "".join(more)
    given = figures.split(" ")
    assert all(FIGURE.fullmatch(each) for each in given), given
    assert ";5000;~:9000;0" in given[0]
    assert not any("5000" in each for each in given[1:])


def test_cluster_that_is_well_is_ok_and_its_figures_are_told(site: Site) -> None:
    state, text = told(site, "cluster")
    assert state is State.OK
    assert text.startswith("BEATKEEPER CLUSTER OK - shop: all is well | 'votes_spare'=1;;;0 ")
    assert "'nodes_online'=4;;;0;4" in text
    assert "'resources_running'=3;;;0;4" in text


def test_page_shows_what_is_printed(site: Site) -> None:
    (example,) = examples((DOCS / "nagios.md").read_text(encoding="utf-8"))
    given = parser().parse_args(shlex.split(example.given)[1:])
    assert fits(example.printed, told(site, given.mode)[1])


# --- states ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "unclean", "expected"),
    [
        ("online", False, State.OK),
        ("standby", False, State.OK),
        ("maintenance", False, State.OK),
        ("suspect", False, State.WARNING),
        ("lost", False, State.CRITICAL),
        ("lost", True, State.CRITICAL),
    ],
)
def test_each_state_of_a_node_has_its_exit_code(
    site: Site, state: str, unclean: bool, expected: State
) -> None:
    site.engine.change_node("n2", state=state, unclean=unclean)
    found, text = told(site, "node", "--name", "n2")
    assert found is expected, text
    assert f"{expected.name}: n2: " in text
    assert told(site, "node", "--name", "n3")[0] is State.OK


def test_nodes_that_take_nothing_can_be_a_warning(site: Site) -> None:
    site.engine.change_node("n2", state="standby")
    assert told(site, "node")[0] is State.OK
    state, text = told(site, "node", "-w", "0", "-c", "1")
    assert state is State.WARNING
    assert "unavailable is 1, threshold 0 | 'unavailable'=1;0;1;0;4" in text
    site.engine.change_node("n3", state="standby")
    assert told(site, "node", "-w", "0", "-c", "1")[0] is State.CRITICAL


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("started", State.OK),
        ("starting", State.OK),
        ("stopping", State.OK),
        ("unknown", State.UNKNOWN),
        ("failed", State.CRITICAL),
        ("blocked", State.CRITICAL),
        ("stopped", State.CRITICAL),
    ],
)
def test_each_state_of_a_resource_has_its_exit_code(
    site: Site, state: str, expected: State
) -> None:
    site.engine.change_primitive("db", state=state, why="a | sign\nand a line")
    found, text = told(site, "resource", "--name", "db")
    assert found is expected, text
    assert told(site, "resource", "--name", "cache")[0] is State.OK, "stopped, as wanted"
    assert told(site, "resource")[0] is expected
    assert "|" not in text.partition(" | ")[2]


def test_reserve_that_is_less_lost_or_not_needed_is_told_apart(site: Site) -> None:
    assert told(site, "redundancy")[0] is State.OK
    assert told(site, "redundancy", "--name", "cache")[0] is State.OK, "stopped, as wanted"
    site.engine.change_node("n2", state="standby")
    state, text = told(site, "redundancy", "--name", "web")
    assert (state, "could go to n2, but not at once" in text) == (State.WARNING, True)
    site.engine.change_node("n2", state="lost")
    assert told(site, "redundancy", "--name", "web", "-c", "2:")[0] is State.CRITICAL
    site.engine.change_primitive("db", state="failed")
    assert told(site, "redundancy", "--name", "db")[0] is State.CRITICAL
    site.engine.change_primitive("db", state="unknown")
    assert told(site, "redundancy", "--name", "db")[0] is State.UNKNOWN


def test_tickets_that_are_elsewhere_alarm_only_who_wants_it(site: Site) -> None:
    state, text = told(site, "tickets")
    assert (state, "2 of 3 tickets granted to this site" in text) == (State.OK, True)
    assert told(site, "tickets", "-c", "0")[0] is State.CRITICAL
    assert told(site, "tickets", "--name", "shop-sites", "-c", "0")[0] is State.OK


def test_links_that_are_silent_or_lossy_are_told(site: Site) -> None:
    site.engine.become(history=past())
    state, text = told(site, "links")
    assert state is State.WARNING
    assert "WARNING: n2 many: nothing is heard over it" in text
    assert "'down'=1;;;0;5" in text
    assert told(site, "links", "-c", "0")[0] is State.CRITICAL


def test_no_quorum_is_critical(site: Site) -> None:
    site.engine.become(quorate=False, votes=2)
    state, text = told(site, "cluster", "-w", "1:")
    assert (state, "no quorum" in text) == (State.CRITICAL, True)
    assert "'votes_spare'=-1;1:;;0" in text


# --- what cannot be asked ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("engine", [EngineState.STOPPED, EngineState.NOT_ANSWERING])
def test_node_whose_cluster_service_is_away_is_critical_in_every_mode(
    site: Site, mode: str, engine: EngineState
) -> None:
    site.engine.become(engine=engine)
    done = program(*words(site, mode), **{PASSWORD: OBSERVER[1]})
    assert done.returncode == State.CRITICAL
    assert re.search("the cluster service (is stopped|does not answer) there", done.stdout)


def test_next_server_is_asked_where_one_does_not_answer(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        free = unused.getsockname()[1]
    gone = ("-H", f"http://127.0.0.1:{free}")
    given = [*words(site, "cluster"), *gone]
    given = ["cluster", *gone, *given[1:]]
    assert check(wanted_of(given, {PASSWORD: OBSERVER[1]}))[0] is State.OK
    alone = ("cluster", *gone, "--user", "bob")
    done = program(*alone, **{PASSWORD: "x"})
    assert done.returncode == State.CRITICAL
    assert "Connection refused" in done.stdout


def test_server_that_says_nothing_ends_the_check_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = program("cluster", "-H", where, "--user", "bob", "-t", "1", **{PASSWORD: "x"})
    assert done.returncode == State.CRITICAL
    assert "no answer in time" in done.stdout


def test_wrong_password_and_a_strange_certificate_are_told_in_words(site: Site) -> None:
    done = program(*words(site, "node"), **{PASSWORD: "wrong"})
    assert done.returncode == State.UNKNOWN
    assert "user or password is wrong" in done.stdout
    where = ("-H", f"https://localhost:{site.served.https_port}", "--user", "bob")
    done = program("node", *where, **{PASSWORD: OBSERVER[1]})
    assert done.returncode == State.CRITICAL
    assert "its certificate is not trusted (self" in done.stdout
    assert "give --ca FILE" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_server_that_speaks_no_wbem_is_critical_in_one_line() -> None:
    def answer(server: socket.socket) -> None:
        for _ in range(2):  # the first connection only tries the way
            stream, _ = server.accept()
            with stream:
                stream.recv(65_536)
                stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=answer, args=(server,))
        thread.start()
        where = f"http://127.0.0.1:{server.getsockname()[1]}"
        done = program("cluster", "-H", where, "--user", "bob", "-t", "5", **{PASSWORD: "x"})
        thread.join(10)
    assert done.returncode == State.CRITICAL
    assert len(done.stdout.splitlines()) == 1


# --- command line ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("10", (0, 10), (-1, 11)),
        ("10:", (10, 99), (9,)),
        ("~:10", (-5, 10), (11,)),
        ("10:20", (10, 20), (9, 21)),
        ("@10:20", (9, 21), (10, 20)),
        ("-5:-1.5", (-5, -2), (-1, -6)),
    ],
)
def test_thresholds_are_those_of_the_guidelines(
    text: str, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    limit = parse_range(text)
    assert not any(map(limit.alerts, inside))
    assert all(map(limit.alerts, outside))


@pytest.mark.parametrize("text", ["", "@", "x", "20:10", "1:2:3", "10%"])
def test_threshold_that_is_none_is_refused(text: str) -> None:
    assert "threshold" in refused("node", "-H", "n1", "-l", "u", "-w", text, **{PASSWORD: "x"})


def test_bad_command_lines_are_unknown_with_the_cure(site: Site, tmp_path: Path) -> None:
    where = ("node", "-H", "n1")
    assert "--user" in refused(*where)
    assert PASSWORD in refused(*where, "-l", "u")
    assert "1 to 600" in refused(*where, "-l", "u", "-t", "0", **{PASSWORD: "x"})
    assert "go together" in refused(*where, "--cert", "x")
    assert "cannot be read" in refused(*where, "-l", "u", "--ca", "/nowhere", **{PASSWORD: "x"})
    assert "understood" in refused("node", "-H", "ftp://n1", "-l", "u", **{PASSWORD: "x"})
    assert "no address" in refused("node", "-H", "a..b", "-l", "u", **{PASSWORD: "x"})
    assert "understood" in refused("node", "-H", "http://u:p@n1", "-l", "u", **{PASSWORD: "x"})
    assert "choose from" in refused("weather", "-H", "n1")
    assert "unrecognized" in refused(*where, "--password", "sesame")
    assert (
        "there is no node n9: there are n1, n2, n3, w"
        in program(*words(site, "node", "--name", "n9"), **{PASSWORD: OBSERVER[1]}).stdout
    )
    for given in ((), ("weather",), ("node",)):
        assert program(*given).returncode == State.UNKNOWN


def test_password_comes_from_a_file_that_others_cannot_read(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{OBSERVER[1]}\nmore\n", encoding="utf-8")
    file.chmod(0o640)
    assert program(*words(site, "node", "--password-file", str(file))).returncode == State.OK
    file.chmod(0o644)
    assert "chmod o=" in refused("node", "-H", "n1", "-l", "u", "--password-file", str(file))
    file.chmod(0o600)
    file.write_text("\n", encoding="utf-8")
    assert "no password" in refused("node", "-H", "n1", "-l", "u", "--password-file", str(file))
    assert "cannot be read" in refused("node", "-H", "n1", "-l", "u", "--password-file", "/none")


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("n1", "https://n1:5989"),
        ("n1:7000", "https://n1:7000"),
        ("2001:db8::1", "https://[2001:db8::1]:5989"),
        ("[2001:db8::1]", "https://[2001:db8::1]:5989"),
        ("[2001:db8::1]:7000", "https://[2001:db8::1]:7000"),
        ("http://n1", "http://n1:5988"),
    ],
)
def test_host_may_have_a_port_and_an_address_of_six_groups_gets_its_brackets(
    host: str, server: str
) -> None:
    wanted = wanted_of(("node", "-H", host, "-l", "u"), {PASSWORD: "x"})
    assert wanted.servers == (server,)


# --- samples and a real cluster ----------------------------------------------------------------


def test_samples_for_nagios_are_command_lines_that_are_understood(tmp_path: Path) -> None:
    text = (SAMPLES / "beatkeeper.cfg").read_text(encoding="utf-8")
    (line,) = re.findall(r"command_line\s+\$USER1\$/check_beatkeeper (.+)", text)
    checks = re.findall(r"check_command\s+check_beatkeeper!(.+)", text)
    assert {each.split("!")[0] for each in checks} == set(MODES)
    for each in checks:
        mode, _, more = each.partition("!")
        given = parser().parse_args(
            shlex.split(line.replace("$ARG1$", mode).replace("$ARG2$", more))
        )
        assert given.mode == mode
        assert len(given.host) == 2
        for limit in filter(None, (given.warning, given.critical)):
            parse_range(limit)


def test_sample_for_icinga_names_options_and_modes_that_are_there() -> None:
    text = (SAMPLES / "beatkeeper-icinga2.conf").read_text(encoding="utf-8")
    options = set(re.findall(r'"(--[a-z-]+)" =', text))
    known = {name for action in parser()._actions for name in action.option_strings}
    assert len(options) >= 10
    assert options <= known
    (listed,) = re.findall(r"mode in \[ (.+?) \]", text)
    assert re.findall(r'"(\w+)"', listed) == list(MODES)


def _at(lab: Laboratory, mode: str, *more: str) -> "subprocess.CompletedProcess[str]":
    """Check a lab by asking all of its nodes in turn."""
    places = lab.value["wbem"]
    hosts = [word for each in places for word in ("-H", each["http"])]
    given = (mode, *hosts, "--user", places[0]["user"], "-t", "30", *more)
    return program(*given, **{PASSWORD: places[0]["password"]})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_real_cluster_is_checked_well_in_maintenance_and_after_a_loss(tmp_path: Path) -> None:
    with laboratory(tmp_path / "lab", "--nodes", "3") as lab:
        for mode in MODES:
            done = _at(lab, mode)
            assert done.returncode == State.OK, done.stdout
        run("--root", str(lab.root("n3")), "node", "standby", "n2")
        lab.becomes("n1", lambda each: not any("n2" in item.nodes for item in each.resources))
        assert _at(lab, "node", "-w", "0").returncode == State.WARNING
        run("--root", str(lab.root("n3")), "node", "online", "n2")
        lab.told("kill", "n1")
        lab.becomes("n3", lambda snapshot: moved_from("n1", snapshot))
        done = _at(lab, "node")
        assert done.returncode == State.CRITICAL, "n1 does not answer, and n2 says so"
        assert "CRITICAL: n1: lost" in done.stdout
        assert _at(lab, "cluster").returncode in (State.WARNING, State.CRITICAL)
        assert _at(lab, "redundancy").returncode == State.WARNING
        lab.told("kill", "n2", "n3")
        done = _at(lab, "cluster")
        assert done.returncode == State.CRITICAL
        assert "Connection refused" in done.stdout
