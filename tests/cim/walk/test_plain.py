"""Instances written straight from plain values are those that pywbem's objects give."""

import pytest

from cim_provider.engine import ClusterView
from cim_provider.wbem.operations import (
    Answer,
    Associators,
    EnumerateInstances,
    Instances,
    Operation,
    References,
    Selection,
)
from cim_provider.wbem.render import render_pieces
from tests.cim.mapping.views import Provider, all_views, cluster_path

WANTED = ("all well", "engine not-answering", "every medium", "with a past", "clones of every kind")
VIEWS = {name: view for name, view in all_views() if name in WANTED}
SELECTIONS = (
    Selection(),
    Selection(include_class_origin=True),
    Selection(properties=("elementname", "OperationalStatus", "Antecedent")),
    Selection(properties=()),
)


def written(operation: Operation, answer: Answer) -> bytes:
    return b"".join(render_pieces(operation, answer, "server.example"))


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("namespace", ["root/cimv2", "root/interop"])
def test_plain_values_are_written_as_the_objects_that_they_stand_for(
    view: ClusterView, namespace: str
) -> None:
    provider = Provider(view)
    catalog = provider.mapping.catalog
    names = [info.name for info in catalog.namespace(namespace).subclasses("", deep=False)]
    count = 0
    for selection in SELECTIONS:
        asked: list[Operation] = [
            EnumerateInstances(namespace, name, selection=selection) for name in names
        ]
        asked += [
            kind("root/cimv2", cluster_path(), selection=selection)
            for kind in (Associators, References)
        ]
        for operation in asked:
            answer = provider.ask(operation)
            assert isinstance(answer, Instances)
            made = Instances(tuple(answer.items), answer.is_volatile)
            assert written(operation, answer) == written(operation, made), operation
            count += len(made.items)
    assert count > 40
