"""The order of candidates, and the counts that the report shows."""

from __future__ import annotations

from tests.master.states.worlds import world


def test_chain_counts_levels_and_waiting_counts_packages_above_a_candidate() -> None:
    states = world("base", "mid -> base", "other -> base", "leaf -> mid", "alone")
    assert (states["base"].chain, states["base"].waiting) == (3, 3)
    assert (states["alone"].chain, states["alone"].waiting) == (1, 0)


def test_only_the_chosen_alternative_is_waited_for() -> None:
    states = world("first", "second", "u -> first | second")
    assert states["first"].waiting == 1
    assert states["second"].waiting == 0
    assert states["u"].chosen == ()
    states = world("first", "second", "u -> first | second", failed="first")
    assert states["second"].waiting == 1
    assert states["u"].chosen == (1,)


def test_packages_that_do_not_wait_are_not_counted() -> None:
    states = world("base", "tested -> base", "above -> tested", passed="tested")
    assert (states["base"].chain, states["base"].waiting) == (3, 1)


def test_members_of_a_cycle_wait_for_each_other() -> None:
    states = world("a -> b", "b -> a", "user -> a")
    assert (states["a"].chain, states["a"].waiting) == (2, 2)
    assert (states["b"].chain, states["b"].waiting) == (3, 2)


def test_a_failure_knows_how_many_packages_it_blocks() -> None:
    states = world("bad", "one -> bad", "two -> one", "fine -> bad | good", "good", failed="bad")
    assert states["bad"].blocked == 2
    assert states["fine"].waiting == 0


def test_a_virtual_name_counts_for_the_provider_that_is_followed() -> None:
    states = world("pa (virt)", "pb (virt)", "pc (virt)", "u -> virt", failed="pa")
    assert states["pa"].blocked == 0
    assert states["pb"].waiting == 1
    assert states["pc"].waiting == 0


def test_what_waits_has_an_estimate_for_the_moment_when_it_is_set_free() -> None:
    states = world("base", "mid -> base", "one -> mid", "two -> mid", "top -> one, two")
    assert (states["base"].chain, states["base"].waiting) == (4, 4)
    assert (states["mid"].chain, states["mid"].waiting) == (3, 2)  # of the three that depend on it
