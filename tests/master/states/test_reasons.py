"""Each state is explained by a sentence that names what is behind it."""

from __future__ import annotations

import pytest

from tests.master.states.worlds import computed, packages, section, world


@pytest.mark.parametrize(
    ("lines", "results", "reason"),
    [
        (["u"], {"passed": "u"}, "version 1 passed its test"),
        (["u"], {"failed": "u"}, "version 1 failed its test"),
        (["u"], {"untestable": "u"}, "version 1 could not be tested"),
        (["u -> a", "a"], {"passed": "a"}, "can be tested: everything that it depends on is good"),
        (["u -> a", "a -> u"], {}, "can be tested, together with a in a dependency cycle"),
        (["u -> a, b, a", "a", "b"], {}, "waits for a and b"),
        (["u -> a, b, c", "a", "b", "c"], {}, "waits for a, b and c"),
        (["u -> a, b, c, d, e", "a", "b", "c", "d", "e"], {}, "waits for a, b and 3 others"),
        (["u -> v, a", "v -> u", "a"], {}, "waits for a"),
        (["u -> virt", "p (virt)"], {}, "waits for p"),
        (["u -> gone"], {}, "depends on gone, which is not in the archive"),
        (["u -> a, x | y", "a"], {"passed": "a"}, "depends on x | y, none of which is in the archive"),
        (["u -> gone"], {"passed": "u"}, "depends on gone, which is not in the archive"),
        (["u -> a", "a"], {"failed": "a"}, "depends on a, which failed its test"),
        (["u -> virt", "p (virt)"], {"failed": "p"}, "depends on virt (provided by p), which failed its test"),
        (["u -> a", "a"], {"untestable": "a"}, "depends on a, which could not be tested"),
        (["u -> a", "a -> gone"], {}, "depends on a, which needs gone, which is not in the archive"),
        (
            ["u -> a", "a -> b", "b -> c", "c -> gone | lost"],
            {},
            "depends on a, and through it on c, which needs gone | lost, none of which is in the archive",
        ),
        (["u -> a", "a -> b", "b"], {"failed": "b"}, "depends on a, which needs b, which failed its test"),
        (
            ["u -> a", "a -> u, virt", "p (virt)"],
            {"failed": "p"},
            "depends on a, which needs virt (provided by p), which failed its test",
        ),
        (["u -> a (>= 2)", "a"], {}, "depends on a (>= 2), but the archive has a 1"),
        (["u -> b", "b -> a (>= 2)", "a"], {}, "depends on b, which needs a (>= 2), but the archive has a 1"),
        (["u -> v (>= 2)", "a (v)"], {}, "depends on v (>= 2), but what provides it does so in no such version"),
        (["u -> a (>= 2) | b", "a"], {}, "depends on a (>= 2) | b, none of which is in the archive"),
        (["u=None"], {"passed": "u"}, "its disappearance on the way passed its test"),
        (["u=None"], {"failed": "u"}, "its disappearance on the way failed its test"),
        (["u"], {"outside": "u"}, "not tested in this section, taken as good"),
        (["u"], {"outside": "u", "failed": "u"}, "version 1 failed its test"),
    ],
)
def test_the_reason_names_what_is_behind_a_state(lines: list[str], results: dict[str, str], reason: str) -> None:
    assert computed(packages(*lines, **results))["u"].reason == reason


@pytest.mark.parametrize(
    ("lines", "there", "reason"),
    [
        (["u=1"], "u=2", "the section one has a newer version, 2"),
        (["u -> a"], "a: failed-testing", "depends on a (section one), which failed its test"),
        (["u -> a"], "a: dependency-failed-testing", "depends on a (section one), which depends on a failure"),
        (["u -> a", "b"], "a: waiting-to-be-tested", "waits for a (section one)"),
        (
            ["u -> v"],
            "a (v): cannot-be-tested",
            "depends on v (provided by a (section one)), which could not be tested",
        ),
        (["u -> a (<< 2)", "a"], "a=3", "depends on a (<< 2), but the archive has a 3"),  # a 1 is outdated
        (["u -> a (>= 4)", "a=3"], "a=2", "depends on a (>= 4), but the archive has a 3 and 2"),
    ],
)
def test_other_sections_are_named(lines: list[str], there: str, reason: str) -> None:
    assert world(*lines, others=[section("one", there)])["u"].reason == reason


def test_a_long_chain_is_walked_once() -> None:
    """Walking it for each of its packages would take an hour."""
    states = world(*(f"p{number:05} -> p{number + 1:05}" for number in range(40_000)))
    for number in (0, 30_000):
        assert states[f"p{number:05}"].reason == (
            f"depends on p{number + 1:05}, and through it on p39999, which needs p40000, which is not in the archive"
        )
