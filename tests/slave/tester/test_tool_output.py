"""What apt, dpkg and maintainer scripts say reaches the log word for word, a line a line, for known problems."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import pytest

from demo.debs import DebSpec
from tests.slave.tester.specimens import Specimen, deb
from tests.slave.tester.workshop import Workshop, ours

pytestmark = pytest.mark.farm

# Patterns that logs of the predecessor have been searched by for years.
SAYINGS: Final[Sequence[tuple[DebSpec, Sequence[str]]]] = (
    (deb("k-command", postinst="k-no-such-command"), [r": not found",
     r"(pre|post)-(installation|removal) script( subprocess)? returned error"]),
    (deb("k-bash", postinst="exec bash -c k-no-such-command"), [r"command not found"]),
    (deb("k-progress", postinst=r"printf 'ten\rfifty\rE: Broken packages\r\n'; exit 1"), [r"^  E: Broken packages$"]),
    (deb("k-bytes", postinst=r"printf 'dkms \377 Error! Bad return status for module build on kernel\n'; exit 1"),
     [r"^  dkms \\xff Error! Bad return status for module build on kernel"]),
    (deb("k-taker", files={"/usr/bin/env": "mine"}), [r"trying to overwrite .* which is also in package"]),
    (deb("k-conflict", fields={"Conflicts": "bash"}), [r"^  E: Unable to correct problems"]),
)  # fmt: skip


def test_what_tools_say_stands_in_the_log(workshop: Workshop) -> None:
    specs = tuple(spec for spec, _ in SAYINGS)
    verdict = ours(workshop, Specimen("sayings", specs, passes=False, options=("--single-packages",)))
    parts = re.split(r"INFO: Testing .* \(\d+ of \d+\)\n", verdict.log)[1:]
    assert len(parts) == len(SAYINGS)
    unsaid = [
        (spec.name, pattern)
        for (spec, patterns), part in zip(SAYINGS, parts, strict=True)
        for pattern in patterns
        if not re.search(pattern, part, re.MULTILINE)
    ]
    assert not unsaid, verdict.log[-6000:]


def test_a_question_about_a_conffile_stands_in_the_log(workshop: Workshop) -> None:
    newer = deb("p-asks", version="2", files={"/etc/p-asks": "2\n"}, conffiles=["/etc/p-asks"])
    upgrade = Specimen("p-asks", (newer,), passes=False, upgrades=True, options=("--no-install-purge-test",))
    verdict = ours(workshop, upgrade)
    assert verdict.status == 1
    assert re.search(r"^   end of file on stdin at conffile prompt$", verdict.log, re.MULTILINE), verdict.log[-4000:]
