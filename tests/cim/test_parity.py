"""Nothing is missing over WBEM: every verb of `ha` has its form there, or a reason why not."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cim_provider.commands import OPERATIONS
from cim_provider.drafts import DraftStore
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.mapping.control_node import CLUSTER_STATES
from cim_provider.mapping.control_ticket import STATES as TICKET_STATES
from cim_provider.mapping.methods import VERBS as CARRIED_OUT
from cim_provider.mapping.node import FENCED, LOCAL_STATES, STATES as NODE_STATES
from cim_provider.mapping.resource import STATES as RESOURCE_STATES
from cim_provider.mapping.tables import ROWS
from cim_provider.mapping.write_area import writing_area
from cim_provider.schema import MODEL, NamespaceSchema, load_schema
from cim_provider.server.roles import METHODS
from cim_provider.server.service import schema_texts
from ha_core.cli.main import ha
from ha_core.cli.resource import OPERATIONS as typed_operations
from ha_core.policy.transition import ActionKind
from tests.cim.mapping.views import cluster
from tests.cim.verb_table import VERBS, Methods, Read, Without, Written

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


@pytest.mark.parametrize(
    "verb", [verb for verb, form in VERBS.items() if isinstance(form, Written)]
)
def test_verb_that_writes_objects_has_a_class_that_clients_may_write(
    verb: str, tmp_path: Path
) -> None:
    form = VERBS[verb]
    assert isinstance(form, Written)
    assert form.operation in ("CreateInstance", "ModifyInstance", "DeleteInstance")
    store = DraftStore(SqliteShelf(tmp_path / "shelf.db"))
    assert form.class_name in writing_area(MemoryEngine(cluster()), store).writers


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


METHODS_OF_OBJECTS = {
    "HA_ClusterResource": {
        "Start": (),
        "Stop": (),
        "Restart": (),
        "Move": ("TargetNode", "Lifetime", "AllowLiveMigration"),
        "ClearMove": (),
        "Ban": ("NodeName", "Lifetime"),
        "Unban": ("NodeName",),
        "Promote": ("NodeName",),
        "Demote": ("NodeName",),
        "Cleanup": ("NodeName", "Operation"),
        "Manage": (),
        "Unmanage": (),
        "Fail": ("NodeName",),
        "Explain": ("NodeName", "Reasons"),
    },
    "HA_ClusterNode": {
        "SetStandby": ("Enable", "Lifetime"),
        "SetMaintenance": ("Enable",),
        "Fence": ("Action", "Reason"),
        "ConfirmDown": ("Reason",),
        "Probe": (),
    },
    "HA_Ticket": {"Grant": ("Force",), "Revoke": ("Force",)},
    "HA_Cluster": {"SetMaintenance": ("Enable",), "RestartTransition": ()},
    "HA_ClusterControlService": {
        "Invite": ("NodeName", "Token"),
        "ForceEvictNode": ("NodeName",),
        "SetClusterProperty": ("Name", "Value"),
        "Simulate": ("Operation", "Target", "Lines"),
        "Verify": ("Messages",),
        "Report": ("Since", "Until", "Incident", "Index", "Archive"),
        "Diagnose": ("Findings", "Result"),
        "ExportConfiguration": ("Format", "Text"),
        "UndoRevision": ("Revision",),
        "MoveAllFrom": ("NodeName",),
    },
}
"""The methods of the model, part 3.7, with their parameters."""


def test_methods_of_the_model_have_their_parameters_and_the_output_job(
    model: NamespaceSchema,
) -> None:
    for class_name, methods in METHODS_OF_OBJECTS.items():
        info = model.get(class_name)
        assert info is not None, class_name
        for name, parameters in methods.items():
            declared = info.declaration.methods[name].parameters
            assert {*parameters, "Job"} <= set(declared), f"{class_name}.{name}"
            assert declared["Job"].reference_class == "CIM_ConcreteJob"
            assert not declared["Job"].qualifiers["In"].value, f"{class_name}.{name}"


def test_operations_that_can_be_named_are_the_same_everywhere(model: NamespaceSchema) -> None:
    resource = model.get("HA_ClusterResource")
    assert resource is not None
    declared = resource.declaration.methods["Cleanup"].parameters["Operation"]
    known = {str(kind) for kind in ActionKind} - {"probe"} | {"monitor"}
    assert set(declared.qualifiers["ValueMap"].value) == set(OPERATIONS) == known
    assert typed_operations == OPERATIONS


def test_members_of_every_container_are_taken_out_and_ordered(model: NamespaceSchema) -> None:
    for class_name in ("HA_ResourceGroup", "HA_ResourceClone", "HA_MasterSlaveResource"):
        info = model.get(class_name)
        assert info is not None, class_name
        assert {"RemoveResource", "Reorder"} <= set(info.declaration.methods)


def test_number_of_a_revision_has_the_type_under_which_it_is_read(model: NamespaceSchema) -> None:
    revision, service = model.get("HA_ConfigurationRevision"), model.get("HA_ClusterControlService")
    assert revision is not None
    assert service is not None
    wanted = revision.declaration.properties["Revision"].type
    methods = service.declaration.methods
    assert methods["UndoRevision"].parameters["Revision"].type == wanted
    for name in ("Apply", "Preview", "SetClusterProperty"):
        assert methods[name].parameters["Base"].type == wanted, name


def test_page_of_control_has_every_verb_with_what_the_table_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cim" / "control.md").read_text(encoding="utf-8")
    for verb, form in VERBS.items():
        match form:
            case Methods(names=names):
                line = f"| `ha {verb}` | {', '.join(f'`{name}`' for name in names)} |"
            case Read(classes=names):
                line = f"| `ha {verb}` | objects of {', '.join(f'`{name}`' for name in names)} |"
            case Written(operation=operation, class_name=name):
                line = f"| `ha {verb}` | {operation} of `{name}` |"
            case Without(reason=line):
                assert f"`{verb}`" in page, verb
        assert line in page, verb
