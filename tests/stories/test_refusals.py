"""What a facility refuses is owed until it was treated after all, told over TCP; the full check follows."""

from typing import Any

from tests.api.homes import CODE, FACILITY, GENERATOR, RIVAL
from tests.api.test_problems import problem
from tests.stories.conftest import Served


def owed(story: Served, manifest: str) -> list[tuple[str, int, int]]:
    """Return the state, the grams and what is left of each obligation of a manifest."""
    items = story.did(story.get(GENERATOR, f"/manifests/{manifest}/obligations"), 200)["items"]
    return [(one["state"], one["grams"], one["left_g"]) for one in items]


def lot_of(story: Served, manifest: str) -> str:
    """Return the lot of line 1."""
    shown = story.did(story.get(GENERATOR, f"/manifests/{manifest}"), 200)
    return str(shown["lines"][0]["lots"][0]["lot"])


def again(story: Served, lot: str, mass_g: int, **changed: Any) -> str:
    """Register a manifest that takes grams of a lot away."""
    line = {
        "line": 1, "code": CODE, "name": "Dầu thải", "state": "liquid", "mass_g": mass_g,
        "planned_methods": ["TC"], "lots": [{"lot": lot, "mass_g": mass_g}],
    }  # fmt: skip
    return story.register(1, lines=[line], **changed)


def test_a_refused_load_is_owed_until_another_manifest_has_it_treated(story: Served) -> None:
    manifest = story.arrived(300_000)
    story.facility(manifest, "refusal", reason="Bao bì rò rỉ")
    assert owed(story, manifest) == [("refused", 300_000, 300_000)]
    clocks = story.did(story.get(GENERATOR, "/clocks?kind=obligation"), 200)["items"]
    assert f"{manifest}:1" in {one["subject"] for one in clocks}
    story.give_back(manifest)
    assert owed(story, manifest) == [("returned", 300_000, 300_000)]
    onward = again(story, lot_of(story, manifest), 300_000)
    story.hand_over(onward)
    story.arrive(onward)
    story.weigh(onward, 300_000)
    story.accept(onward, 300_000)
    story.treat(onward, 100_000)
    assert owed(story, manifest) == [("returned", 300_000, 200_000)]
    story.treat(onward, 200_000)
    assert owed(story, manifest) == [("ended", 300_000, 0)]


def test_a_part_that_lies_among_others_is_settled_by_the_manifest_that_names_it(story: Served) -> None:
    lot = story.lot(500_000)
    manifest = again(story, lot, 200_000)
    story.hand_over(manifest)
    story.arrive(manifest)
    story.weigh(manifest, 200_000)
    story.accept(manifest, 150_000, 50_000)
    story.give_back(manifest)
    story.treat(manifest, 150_000)
    story.facility(manifest, "completion")
    name = f"{manifest}:1"
    assert name in {one["obligation"] for one in story.did(story.get(FACILITY, "/obligations"), 200)["items"]}
    too_little = story.registration(1, settles=[name])
    problem(story.post(GENERATOR, "/manifests", too_little), 422, "manifest.obligation_not_covered")
    onward = again(story, lot, 50_000, settles=[name])
    story.hand_over(onward)
    story.arrive(onward)
    story.weigh(onward, 50_000)
    story.accept(onward, 50_000)
    story.treat(onward, 50_000)
    assert owed(story, manifest) == [("returned", 50_000, 50_000)]
    story.facility(onward, "completion")
    assert owed(story, manifest) == [("settled", 50_000, 0)]
    problem(story.get(RIVAL, f"/manifests/{manifest}/obligations"), 404, "manifest.unknown")
