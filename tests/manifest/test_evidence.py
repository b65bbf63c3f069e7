"""Grades: how many unrelated parties support a manifest, and what weakens it."""

from hypothesis import given
from hypothesis import strategies as st

from manifest.evidence import Assurance, Evidence, Grade, Support, grade, kinship

APART = {"gen": "gen", "fac": "fac", "car": "car"}


def graded(*levels: tuple[str, int], weighed: bool = True, **more: bool) -> Evidence:
    return grade([Support(party, level) for party, level in levels], APART, weighed=weighed, **more)


def test_unrelated_parties_with_keys_of_their_own_and_a_ticket_are_the_best() -> None:
    found = graded(("gen", Assurance.OWN_KEY), ("fac", Assurance.CERTIFICATE))
    assert found == Evidence(grade=Grade.A, voices=2, weakened_by=())


def test_accounts_or_no_scale_are_second() -> None:
    assert graded(("gen", 0), ("fac", 1)).grade is Grade.B
    assert graded(("gen", 1), ("fac", 1), weighed=False).weakened_by == ("not_weighed",)
    assert graded(("gen", 1), ("fac", 1), weighed=False).grade is Grade.B


def test_the_strongest_act_of_a_party_counts() -> None:
    assert graded(("gen", 0), ("gen", 2), ("fac", 1)).grade is Grade.A


def test_one_voice_alone_or_a_shared_ticket_is_third() -> None:
    assert graded(("fac", 2)).grade is Grade.C
    assert graded(("gen", 2), ("fac", 2), shared_ticket=True).grade is Grade.C


def test_paper_help_and_dispute_are_last() -> None:
    assert graded(("gen", Assurance.ON_PAPER), ("fac", 2)).grade is Grade.D
    found = graded(("gen", 2), ("fac", 2), contested=True)
    assert (found.grade, found.weakened_by) == (Grade.D, ("contested",))


def test_branches_and_agents_are_one_voice() -> None:
    identifiers = {"head": "0100109106", "branch": "0100109106-001", "other": "0101248141", "agent": None}
    voices = kinship(identifiers, [("other", "agent")])
    assert voices["head"] == voices["branch"]
    assert voices["other"] == voices["agent"]
    assert voices["head"] != voices["other"]
    same_firm = [Support("head", 2), Support("branch", 2)]
    assert grade(same_firm, voices, weighed=True).voices == 1


def test_kinship_goes_through_others() -> None:
    voices = kinship({"a": None, "b": None, "c": None}, [("a", "b"), ("b", "c")])
    assert len(set(voices.values())) == 1


_LEVELS = st.lists(st.tuples(st.sampled_from(sorted(APART)), st.integers(-1, 3)), min_size=1, max_size=8)


@given(_LEVELS, st.booleans(), st.booleans(), st.booleans())
def test_no_weakness_ever_improves_a_grade(
    levels: list[tuple[str, int]], weighed: bool, shared: bool, contested: bool
) -> None:
    plain = graded(*levels, weighed=True)
    weakened = graded(*levels, weighed=weighed, shared_ticket=shared, contested=contested)
    assert weakened.grade >= plain.grade
