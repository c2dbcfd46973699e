"""`Diagnose` and `Report` of the control service: what each asks, and which words it takes."""

import pytest
import pywbem

from cim_provider.commands import Diagnose, MakeReport, Question
from cim_provider.server.role import Role
from cim_provider.server.roles import least_role
from cim_provider.wbem.operations import InvokeMethod, MethodResult
from tests.cim.mapping.views import MODEL, Provider, path

SERVICE = path(
    "HA_ClusterControlService",
    SystemCreationClassName="HA_Cluster",
    SystemName="LinuxHACluster",
    CreationClassName="HA_ClusterControlService",
    Name="default_service_id",
)
Given = dict[str, object]


def call(provider: Provider, method: str, given: Given) -> tuple[int, Given]:
    """Return the code and the output parameters."""
    answer = provider.ask(InvokeMethod(MODEL, SERVICE, method, tuple(given.items())))
    assert isinstance(answer, MethodResult)
    assert isinstance(answer.value, pywbem.Uint32)
    return int(answer.value), {name: value for name, _, value in answer.outputs}


@pytest.mark.parametrize(
    ("method", "given", "question", "outputs"),
    [
        ("Diagnose", {}, Diagnose(), {"Findings", "Result"}),
        ("Report", {}, MakeReport(), {"Index", "Archive"}),
        (
            "Report",
            {"Since": "2h", "Until": "1h", "Incident": "last"},
            MakeReport("2h", "1h", "last"),
            {"Index", "Archive"},
        ),
    ],
)
def test_question_is_asked_as_it_is_given_and_changes_nothing(
    method: str, given: Given, question: Question, outputs: set[str]
) -> None:
    provider = Provider()
    code, found = call(provider, method, given)
    assert code == 0
    assert outputs <= {name for name, value in found.items() if value}
    assert (provider.engine.asked, provider.engine.given) == ([question], [])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Incident": "x" * 201}, "at most 200 printable"),
        ({"Since": "a\tb"}, "Since is 'a\\tb'"),
        ({"Until": "a\0b"}, "Until is 'a\\x00b'"),
    ],
)
def test_words_that_no_command_line_takes_are_refused_before_anybody_is_asked(
    given: Given, words: str
) -> None:
    provider = Provider()
    code, found = call(provider, "Report", given)
    assert (code, words in str(found["Message"])) == (5, True)
    assert provider.engine.asked == []


def test_whoever_may_look_may_ask_for_findings_and_who_administers_for_a_report() -> None:
    assert least_role(InvokeMethod(MODEL, SERVICE, "Diagnose", ())) is Role.VIEW
    assert least_role(InvokeMethod(MODEL, SERVICE, "Report", ())) is Role.ADMINISTER
