"""Which package makes another one wait, or puts it into error: following them leads to the cause."""

from __future__ import annotations

from tests.master.states.worlds import computed, packages, section, world


def _blockers(*lines: str, **results: str) -> dict[str, str]:
    return {name: state.blocker for name, state in computed(packages(*lines, **results)).items()}


def test_what_waits_is_blocked_by_the_first_dependency_that_is_not_good() -> None:
    assert _blockers("a", "b", "c -> a, b", "d -> c", passed="a") == {"a": "", "b": "", "c": "b", "d": "c"}


def test_an_error_comes_from_the_dependency_that_is_blamed() -> None:
    assert _blockers("a", "b -> a", "c -> b", failed="a") == {"a": "", "b": "a", "c": "b"}


def test_what_is_missing_blocks_without_a_name() -> None:
    assert _blockers("a -> gone", "b -> a") == {"a": "", "b": "a"}


def test_the_provider_blocks_and_not_the_name_that_it_provides() -> None:
    assert _blockers("p (virtual)", "a -> virtual")["a"] == "p"


def test_a_member_of_a_cycle_is_blocked_by_what_lies_outside_of_it() -> None:
    assert _blockers("a -> b, out", "b -> a", "out", "user -> b") == {"a": "out", "b": "", "out": "", "user": "b"}


def test_a_blocker_of_another_section_is_named_with_it() -> None:
    sid = section("sid", "libx: waiting-to-be-tested", "liby: failed-testing")
    found = world("a -> libx", "b -> liby", others=[sid])
    assert {name: state.blocker for name, state in found.items()} == {"a": "libx sid", "b": "liby sid"}
