"""Each state is explained by a sentence that names what is behind it."""

from __future__ import annotations

import pytest

from tests.master.states.worlds import world


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
        (["u -> a, x | y", "a"], {"passed": "a"}, "depends on x | y, which are all not in the archive"),
        (["u -> gone"], {"passed": "u"}, "depends on gone, which is not in the archive"),
        (["u -> a", "a"], {"failed": "a"}, "depends on a, which is failed-testing"),
        (["u -> virt", "p (virt)"], {"failed": "p"}, "depends on virt (provided by p), which is failed-testing"),
        (["u -> a", "a -> gone"], {}, "depends on a, which is dependency-does-not-exist"),
        (["u"], {"outside": "u"}, "not tested in this section, taken as good"),
        (["u"], {"outside": "u", "failed": "u"}, "version 1 failed its test"),
    ],
)
def test_the_reason_names_what_is_behind_a_state(lines: list[str], results: dict[str, str], reason: str) -> None:
    assert world(*lines, **results)["u"].reason == reason
