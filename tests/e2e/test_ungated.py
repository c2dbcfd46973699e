"""Machines without nftables: they say what that costs, and whoever takes over waits for it."""

import time
from collections.abc import Iterator

import pytest

from ha_core.agents.registry import LIFETIME_MS
from ha_core.snapshot import ClusterSnapshot
from ha_core.timers import with_drift
from tests.e2e.laboratory import Laboratory, laboratory, run
from tests.standin.library import library

pytestmark = [pytest.mark.root, pytest.mark.slow]
EXTRA_MS = with_drift(LIFETIME_MS)


@pytest.fixture
def lab(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Laboratory]:
    """Return a lab in namespaces whose kernels seem to have no nftables."""
    directory = tmp_path_factory.mktemp("ungated")
    monkeypatch.setenv("LD_PRELOAD", str(library("no_netfilter.c", directory)))
    with laboratory(directory / "lab", "--netns", "--no-wbem") as made:
        yield made


def state_of(snapshot: ClusterSnapshot, resource: str) -> str:
    """Return the state of a resource."""
    return next(item.state for item in snapshot.resources if item.id == resource)


def test_address_of_a_frozen_machine_is_waited_for_until_its_kernel_has_removed_it(
    lab: Laboratory,
) -> None:
    owner = lab.owner("n1", "site-ip")
    other = next(name for name in ("n1", "n2", "n3") if name != owner)
    dead_after_ms = lab.status(other)["timers"]["dead_after_ms"]
    shown = lab.status(other)["resources"]["site-ip"]
    assert shown["guard"] == "guardian"
    assert shown["takeover_wait_ms"] == dead_after_ms + EXTRA_MS
    why = run("--root", str(lab.root(other)), "why", "site-ip").stdout
    assert "this kernel has no nftables" in why
    assert f"install nftables on {owner}" in why
    lab.told("freeze", owner)
    lab.becomes(other, lambda seen: state_of(seen, "site-ip") == "blocked")
    began = time.monotonic()
    lab.becomes(other, lambda seen: state_of(seen, "site-ip") == "started")
    assert (time.monotonic() - began) * 1000 >= EXTRA_MS - 1000, "seen blocked a little late"
    assert lab.owner(other, "site-ip") != owner
    told = run("--root", str(lab.root(other)), "events").stdout
    assert f"the guard of site-ip ends it there within {EXTRA_MS} ms" in told
    assert f"{owner} does not run" in told
    lab.told("heal", owner)
