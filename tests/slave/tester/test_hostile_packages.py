"""Hostile packages and the whole tester: each fails for what it did and leaves nothing; harmless ones pass."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from piufarm.outcome import Outcome, Severity
from tests.slave.chroot.namespaces import Traces
from tests.slave.tester.hostile import ATTACKS, EXCESSIVE, LIMITS, TWINS, Attack
from tests.slave.tester.specimens import Specimen
from tests.slave.tester.workshop import Verdict, Workshop, ours, ours_in_schroot

pytestmark = pytest.mark.farm
LONGEST_SECONDS = 60  # the limits are seconds; the rest is for a busy host
IN_A_COPY = ("fork storm", "eats the disk", "deletes all")
IN_A_SCHROOT = ("eats memory", "never ends", "double forks")


def specimen(attack: Attack, *options: str) -> Specimen:
    return Specimen(attack.spec.name, [attack.spec], False, options=(*LIMITS, *attack.options, *options))


def must_have_failed(verdict: Verdict, attack: Attack, begun: float) -> None:
    assert verdict.status == 1, verdict.log[-3000:]
    assert attack.named in verdict.log, verdict.log[-3000:]
    assert verdict.log.rstrip("\n").endswith("piuparts run ends.")
    assert time.monotonic() - begun < LONGEST_SECONDS
    name = re.search(r"at /tmp/(tmp[0-9a-f]{8})$", verdict.log, re.MULTILINE)
    assert name is not None
    Traces(frozenset(), name[1], has_group=True).must_be_gone()


def by_name(attack: Attack) -> str:
    return attack.name


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.name not in IN_A_SCHROOT], ids=by_name)
def test_a_hostile_package_fails_and_the_finding_names_what_it_did(
    workshop: Workshop, attack: Attack, tmp_path: Path
) -> None:
    begun = time.monotonic()
    result = tmp_path / "result.json"
    verdict = ours(workshop, specimen(attack), "--result", str(result))
    must_have_failed(verdict, attack, begun)
    told = json.loads(result.read_text())
    assert told["outcome"] == Outcome.FAIL and told["trouble"] is None
    errors = [item["text"] for item in told["groups"][-1]["findings"] if item["severity"] == Severity.ERROR]
    named = attack.named.replace(EXCESSIVE, "Command was terminated after exceeding ")
    assert any(named in text for text in errors), errors


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.name in IN_A_COPY], ids=by_name)
def test_it_fails_in_a_copy_of_the_base_too(workshop: Workshop, attack: Attack) -> None:
    begun = time.monotonic()
    must_have_failed(ours(workshop, specimen(attack, "--chroot-backend", "copy")), attack, begun)


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.name in IN_A_SCHROOT], ids=by_name)
def test_it_fails_before_an_account_without_rights_too(workshop: Workshop, schroot: str, attack: Attack) -> None:
    begun = time.monotonic()
    must_have_failed(ours_in_schroot(workshop, specimen(attack), schroot), attack, begun)


def test_harmless_twins_pass_before_an_account_without_rights(workshop: Workshop, schroot: str) -> None:
    verdict = ours_in_schroot(workshop, Specimen("twins", TWINS, True, options=LIMITS), schroot)
    assert verdict.status == 0, verdict.log[-3000:]


@pytest.mark.parametrize("backend", ["overlay", "copy"])
def test_harmless_twins_pass(workshop: Workshop, backend: str) -> None:
    verdict = ours(workshop, Specimen("twins", TWINS, True, options=(*LIMITS, "--chroot-backend", backend)))
    assert verdict.status == 0, verdict.log[-3000:]
