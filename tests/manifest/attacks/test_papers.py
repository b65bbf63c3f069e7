"""A paper is entered once: under no other spelling of its number, and a blank only with the paper itself."""

from functools import partial
from typing import Any

import pytest

from manifest import events as e
from manifest.outages.events import BlanksIssued
from manifest.vocabulary import CorrectedField, Entering
from tests.manifest.cases.helpers import on_paper, refuses
from tests.manifest.register.entries import AS_FACILITY, HASH
from tests.world import FACILITY, GENERATOR, World


@pytest.mark.parametrize("spelt", ["a-1/2025", "A-1/2025 ", "A -1/2025", "A–1/2025"])
def test_a_paper_is_not_entered_again_under_another_spelling_of_its_number(world: World, spelt: str) -> None:
    world.register(paper_number="A-1/2025")
    again = partial(world.act, world.registered(paper_number=spelt), (GENERATOR, "generator"))
    expected = [("manifest.paper_number_unclear", "/body/paper_number")]
    assert refuses(world, partial(again, stream=world.id())) == expected
    world.register(paper_number="A-2/2025")
    correct: dict[str, Any] = {"field": CorrectedField.PAPER_NUMBER, "line": None, "value": spelt}
    propose = partial(world.propose, FACILITY, **correct)
    assert refuses(world, propose) == [("manifest.paper_number_unclear", "/body/value")]


def test_a_blank_is_used_with_the_paper_that_bears_its_number_and_not_with_a_tale(world: World) -> None:
    blanks = BlanksIssued(blanks="blanks:1", block="block:facility", first=500, last=510, sha256=HASH)
    world.act(blanks, AS_FACILITY, stream="blanks:1")
    number = e.Number(sequence=500, year=2025, issuer="1-2-3.047.VX")

    def entered(how: Entering) -> None:
        body = world.registered(number=number, on_paper=on_paper(GENERATOR, how=how))
        world.act(body, (GENERATOR, "generator"), stream=world.id())

    told = world.registered(number=number, on_paper=on_paper(GENERATOR, how=Entering.ASSISTED))
    tell = partial(world.act, told, (GENERATOR, "generator"), stream=world.id())
    assert refuses(world, tell) == [("manifest.number_on_blank", "/body/number")]
    entered(Entering.PAPER)
