"""How an edit is given: again where somebody was quicker, not at all where a revision is meant."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cim_provider.edits import Edit, RemoveConstraint, SetOption, SetParameter
from cim_provider.engine import Done, Refused
from cim_provider.engines.ha_core import HaCoreEngine
from ha_core import commands
from ha_core.commands import Command, Outcome
from tests.fake_cluster import FakeCluster, served


@pytest.fixture
def fake() -> FakeCluster:
    return FakeCluster()


def give(root: Path, fake: FakeCluster, edit: Edit) -> Done | Refused:
    """Give an edit over the engine."""

    async def whole() -> Done | Refused:
        async with HaCoreEngine(root, effect_s=5) as engine:
            return await engine.edit(edit, "ann")

    with served(root, fake):
        return asyncio.run(whole())


def applied(fake: FakeCluster) -> list[commands.Apply]:
    return [each for each, _ in fake.given if isinstance(each, commands.Apply)]


def test_an_edit_is_applied_with_author_reason_and_revision(
    tmp_path: Path, fake: FakeCluster
) -> None:
    revision = fake.now.revision
    outcome = give(tmp_path, fake, Edit((SetParameter("db", "x", "1"),), "why not"))
    assert outcome == Done()
    ((command, author),) = fake.given
    assert isinstance(command, commands.Apply)
    assert (author, command.reason, command.base) == ("ann", "why not", revision)
    assert ("x", "1") in fake.now.configuration.primitives[0].parameters


def test_who_was_overtaken_makes_his_edit_to_what_is_there_then(
    tmp_path: Path, fake: FakeCluster
) -> None:
    def overtaken(command: Command) -> Outcome:
        fake.obey = fake.carry_out
        options = replace(fake.now.configuration.options, stop_all=True)
        theirs = replace(fake.now.configuration, options=options)
        fake.become(configuration=theirs, revision=fake.now.revision + 1)
        return Outcome("stale", "look again")

    fake.obey = overtaken
    assert give(tmp_path, fake, Edit((SetParameter("db", "x", "1"),), "mine")) == Done()
    assert len(applied(fake)) == 2
    assert fake.now.configuration.options.stop_all
    assert ("x", "1") in fake.now.configuration.primitives[0].parameters


def test_who_names_an_older_revision_is_refused_unasked(tmp_path: Path, fake: FakeCluster) -> None:
    edit = Edit((SetOption("symmetric", "false"),), "mine", base=fake.now.revision - 1)
    outcome = give(tmp_path, fake, edit)
    assert isinstance(outcome, Refused)
    assert outcome.code == "stale"
    assert fake.given == []


def test_a_refusal_of_the_cluster_comes_back_and_nothing_is_tried_again(
    tmp_path: Path, fake: FakeCluster
) -> None:
    fake.obey = lambda _: Outcome("invalid", "resources.db: is wrong")
    outcome = give(tmp_path, fake, Edit((SetParameter("db", "x", "1"),), "mine"))
    assert outcome == Refused("invalid", "resources.db: is wrong")
    assert len(fake.given) == 1


def test_an_edit_that_means_nothing_and_one_that_changes_nothing_are_not_given(
    tmp_path: Path, fake: FakeCluster
) -> None:
    outcome = give(tmp_path, fake, Edit((RemoveConstraint("zz"),), "mine"))
    assert isinstance(outcome, Refused)
    assert outcome.code == "not-found"
    assert give(tmp_path, fake, Edit((SetOption("symmetric", "true"),), "mine")) == Done()
    assert fake.given == []
