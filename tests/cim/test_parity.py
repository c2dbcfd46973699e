"""Nothing is missing over WBEM: every verb of `ha` has its form there, or a reason why not."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cim_provider.mapping.control_node import CLUSTER_STATES
from cim_provider.mapping.control_ticket import STATES as TICKET_STATES
from cim_provider.mapping.methods import VERBS as CARRIED_OUT
from cim_provider.mapping.node import FENCED, LOCAL_STATES, STATES as NODE_STATES
from cim_provider.mapping.resource import STATES as RESOURCE_STATES
from cim_provider.mapping.tables import ROWS
from cim_provider.schema import MODEL, NamespaceSchema, load_schema
from cim_provider.server.roles import METHODS
from cim_provider.server.service import schema_texts
from ha_core.cli.main import ha
from tests.cim.verb_table import VERBS, Methods, Read, Without

_STATES = {
    "HA_Cluster": CLUSTER_STATES,
    "HA_ClusterNode": (*NODE_STATES, *FENCED, *LOCAL_STATES),
    "HA_ClusterResource": RESOURCE_STATES,
    "HA_Ticket": TICKET_STATES,
}
METHOD = re.compile(r"(\w+)\.(\w+)(?:\((\d+)\))?")


def verbs(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every verb that can be typed."""
    if not isinstance(command, click.Group):
        yield " ".join(words)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None, "what is listed is there"
        yield from verbs(found, (*words, name))


@pytest.fixture(scope="module")
def model() -> NamespaceSchema:
    found = load_schema(schema_texts()).namespace(MODEL)
    assert found is not None
    return found


def test_every_verb_stands_in_the_table_and_no_other() -> None:
    typed = set(verbs(ha))
    assert len(typed) > 50, "the verbs were found at all"
    assert set(VERBS) == typed


@pytest.mark.parametrize(
    "verb", [verb for verb, form in VERBS.items() if isinstance(form, Methods)]
)
def test_verb_is_a_method_that_is_declared_carried_out_and_has_a_role(
    verb: str, model: NamespaceSchema
) -> None:
    form = VERBS[verb]
    assert isinstance(form, Methods)
    for text in form.names:
        match = METHOD.fullmatch(text)
        assert match is not None, f"{text}: expected Class.Method or Class.Method(State)"
        class_name, method, state = match.groups()
        info = model.get(class_name)
        assert info is not None, f"{class_name} is not declared"
        assert method in info.declaration.methods, f"{text} is not declared"
        assert method in METHODS
        if state is None:
            assert (class_name, method) in CARRIED_OUT, f"nothing carries out {text}"
        else:
            assert int(state) in _STATES[class_name], f"nothing carries out {text}"


@pytest.mark.parametrize("verb", [verb for verb, form in VERBS.items() if isinstance(form, Read)])
def test_verb_that_shows_something_has_a_class_with_objects(
    verb: str, model: NamespaceSchema
) -> None:
    form = VERBS[verb]
    assert isinstance(form, Read)
    filled = {row.class_name for row in ROWS}
    for name in form.classes:
        known = model.get(name)
        assert known is not None, f"{name} is not declared"
        family = {name, *(each.name for each in model.subclasses(name, deep=True))}
        assert family & filled, f"{name} has no objects"


def test_verb_without_a_form_has_a_reason() -> None:
    for verb, form in VERBS.items():
        if isinstance(form, Without):
            assert len(form.reason.split()) > 5, verb


def test_every_method_that_is_carried_out_is_declared_and_has_a_role(
    model: NamespaceSchema,
) -> None:
    for class_name, method in CARRIED_OUT:
        info = model.get(class_name)
        assert info is not None, class_name
        assert method in info.declaration.methods, f"{class_name}.{method}"
        assert method in METHODS, method


def test_page_of_control_has_every_verb_with_what_the_table_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cim" / "control.md").read_text(encoding="utf-8")
    for verb, form in VERBS.items():
        match form:
            case Methods(names=names):
                line = f"| `ha {verb}` | {', '.join(f'`{name}`' for name in names)} |"
            case Read(classes=names):
                line = f"| `ha {verb}` | objects of {', '.join(f'`{name}`' for name in names)} |"
            case Without(reason=line):
                assert f"`{verb}`" in page, verb
        assert line in page, verb
