"""A client that walks while the cluster changes: within one view no path leads nowhere.

The client knows its view by `HA_Cluster.ViewVersion`: what it read between two reads of the same
value is of one moment. A path that is gone in another view is no fault.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pywbem

from cim_provider.engine import ClusterView, EngineState
from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.operations import Mapping
from cim_provider.server.turns import Turns
from tests.cim.mapping.pasts import past
from tests.cim.mapping.views import IDENTITY, cloned, cluster, cluster_path, node, primitive, schema
from tests.cim.server.harness import serving

NOT_FOUND = 6
TRIES = 30
ENDS_MAX = 4
"""So many objects of one association are walked from."""
CHANGE_S = 0.15


def variant(chance: random.Random) -> ClusterView:
    """Return a cluster in which objects of all kinds may be there or not."""
    made = chance.choice((cluster, cloned))(history=past() if chance.random() < 0.7 else None)
    if made.history is None:
        made = replace(made, history=cluster().history)
    kept = tuple(each for each in made.nodes if each.name == "n1" or chance.random() < 0.7)
    more = tuple(
        primitive(f"extra-{number}", chance.choice([each.name for each in kept]))
        for number in range(chance.randrange(4))
    )
    fewer = tuple(each for each in made.primitives if each.group or chance.random() < 0.7)
    engine = EngineState.RUNNING if chance.random() < 0.9 else chance.choice(list(EngineState))
    nodes = (*kept, node("n9")) if chance.random() < 0.3 else kept
    primitives = tuple(sorted((*fewer, *more), key=lambda each: each.id))
    return replace(made, nodes=nodes, primitives=primitives, engine=engine)


@contextmanager
def changing(engine: MemoryEngine, seed: int) -> Iterator[None]:
    """Change the cluster again and again, until the end."""
    chance, stopping = random.Random(seed), threading.Event()

    def work() -> None:
        while not stopping.wait(chance.random() * CHANGE_S):
            view = variant(chance)
            names = [name for name in view.__dataclass_fields__ if name != "version"]
            engine.become(**{name: getattr(view, name) for name in names})

    thread = threading.Thread(target=work, name="changes")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10)


@dataclass
class Walker:
    """Walks associations with pywbem and counts what it has seen."""

    client: pywbem.WBEMConnection
    checked: Counter[str] = field(default_factory=Counter)
    changed: int = 0

    def version(self) -> str:
        """Return which view the server has now."""
        (found,) = self.client.EnumerateInstances("HA_Cluster", PropertyList=["ViewVersion"])
        return str(found["ViewVersion"])

    def in_one_view(self, name: str, check: Callable[[], int]) -> None:
        """Do the checks again until one was of one view alone and had something to check."""
        for _ in range(TRIES):
            before = self.version()
            count, fault = 0, None
            try:
                count = check()
            except (pywbem.CIMError, AssertionError) as found:
                fault = found
            if self.version() == before:
                if fault is not None:
                    raise AssertionError(f"within one view, {name}: {fault}") from fault
                self.checked[name] += count
                if count:
                    return
            else:
                self.changed += 1

    def ends_exist(self, namespace: str, name: str) -> int:
        """Look at both ends of the associations of a class, and walk back; return how many."""
        links = self.client.EnumerateInstances(name, namespace)
        chosen = links[:: max(len(links) // ENDS_MAX, 1)]
        for link in chosen:
            ends = [link.path[key] for key in link.path.keybindings]
            for end, other in (ends, ends[::-1]):
                self.client.GetInstance(end, PropertyList=[])
                found = self.client.AssociatorNames(end, AssocClass=name)
                assert bare(other) in {bare(each) for each in found}, f"{end} leads not to {other}"
                back = self.client.ReferenceNames(end, ResultClass=name)
                assert known(link.path) in {known(each) for each in back}, f"{link.path} of {end}"
        return len(chosen)

    def objects_exist(self, namespace: str, name: str) -> int:
        """Look at each object of a class by its path; return how many there are."""
        paths = self.client.EnumerateInstanceNames(name, namespace)
        for path in paths[:ENDS_MAX]:
            self.client.GetInstance(path, PropertyList=[])
        return len(paths)


def bare(path: pywbem.CIMInstanceName) -> str:
    """Return a path without hosts, for comparison."""
    copied = path.copy()
    copied.host = None
    for key, value in copied.keybindings.items():
        if isinstance(value, pywbem.CIMInstanceName):
            copied.keybindings[key] = bare(value)
    return str(copied)


def known(link: pywbem.CIMInstanceName) -> str:
    """Return a link's path for comparison: one between namespaces is seen in both."""
    return bare(link).partition(":")[2]


def classes(namespace: str, *, associations: bool) -> list[str]:
    """Return the classes with objects of their own."""
    mapping = Mapping(schema(), MemoryEngine(cluster()), IDENTITY)
    catalog = mapping.catalog
    found = catalog.namespace(namespace)
    return [
        info.name
        for info in found.classes.values()
        if info.is_association == associations
        and (catalog.row(found, info.name) or catalog.association(found, info.name))
    ]


@contextmanager
def walking(directory: Path, seed: int) -> Iterator[Walker]:
    engine = MemoryEngine(cluster(history=past()))
    mapping = Mapping(schema(), engine, IDENTITY, turn=Turns())
    with serving(directory, performer=mapping) as served:
        walker = Walker(served.client())
        with changing(engine, seed):
            yield walker
        walker.client.close()


def test_no_association_of_one_view_leads_nowhere_while_the_cluster_changes(
    tmp_path: Path,
) -> None:
    with walking(tmp_path, 1) as walker:
        for namespace in ("root/cimv2", "interop"):
            for name in classes(namespace, associations=True):
                walker.in_one_view(name, partial(walker.ends_exist, namespace, name))
    assert walker.changed > 10, "the cluster has changed under the client"
    assert len(walker.checked) > 30
    unseen = {name for name, count in walker.checked.items() if not count}
    assert len(unseen) < len(walker.checked) / 3, unseen


def test_every_object_of_one_view_is_there_while_the_cluster_changes(tmp_path: Path) -> None:
    with walking(tmp_path, 2) as walker:
        for namespace in ("root/cimv2", "interop"):
            for name in classes(namespace, associations=False):
                walker.in_one_view(name, partial(walker.objects_exist, namespace, name))
    assert walker.changed > 3
    assert len(walker.checked) > 30


def test_a_view_has_one_name_which_never_comes_back(tmp_path: Path) -> None:
    engine = MemoryEngine(cluster())
    with serving(tmp_path, performer=Mapping(schema(), engine, IDENTITY)) as served:
        walker, seen = Walker(served.client()), []
        for state in ("standby", "online", "standby"):
            assert walker.version() == walker.version()
            seen.append(walker.version())
            engine.change_node("n1", state=state)
        assert len(set(seen)) == 3
        path = cluster_path()
        assert walker.client.GetInstance(path)["ViewVersion"] == walker.version()
