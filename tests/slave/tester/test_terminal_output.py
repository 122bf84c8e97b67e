"""The whole command as a person at a terminal sees it."""

from __future__ import annotations

import json
import os
import re
import select
from pathlib import Path
from typing import Final

import pytest

from demo.debs import DebSpec, build
from piufarm.run import Child, clean_environment, spawn
from tests.slave.tester.specimens import deb
from tests.slave.tester.workshop import Workshop
from tests.support.clone import PIUFARM

pytestmark = pytest.mark.farm

_SILENCE_SECONDS: Final = 120


def seen(workshop: Workshop, *words: str | Path, typed: bytes = b"") -> tuple[int, str]:
    """Exit status, and what was on the screen; keys are pressed when a shell says that it is there."""
    ours, theirs = os.openpty()
    command: list[str | Path] = [PIUFARM, "test", *workshop.root_words, "--no-adequate", *words]
    environment = clean_environment(PIUFARM_CACHE=os.environ["PIUFARM_CACHE"], TERM="xterm", COLUMNS="150")
    child = spawn(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    output = b""
    while piece := _read(ours):
        output += piece
        if typed and b"to leave it." in output:
            os.write(ours, typed)
            typed = b""
    os.close(ours)
    return _status(child), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode())


def _read(descriptor: int) -> bytes:
    assert select.select([descriptor], [], [], _SILENCE_SECONDS)[0], "nothing more was said, and it did not end"
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the last one at the other end has gone
        return b""


def _status(child: Child) -> int:
    return child.wait(60)


def built(tmp_path: Path, spec: DebSpec) -> str:
    return str(build(spec, tmp_path))


def test_a_failure_is_summed_up_and_its_log_and_root_can_be_looked_at(workshop: Workshop, tmp_path: Path) -> None:
    log, result = tmp_path / "log", tmp_path / "result.json"
    leaver = built(tmp_path, deb("f-left", postinst="touch /etc/f-left"))
    words = ("-l", log, "--result", result, "--no-upgrade-test", "--shell-on-error", leaver)
    status, screen = seen(workshop, *words, typed=b"stat -c found=%F /etc/f-left; exit\r")
    assert status == 1
    for text in ("FAIL  f-left 1  install test", "/etc/f-left  made by f-left (postinst configure)", "found=regular"):
        assert text in screen
    assert "DEBUG" not in screen
    told = json.loads(result.read_text())
    assert told["reproduce"] in screen.replace("\r\n", "")
    assert str(log) in screen
    assert log.read_text().endswith("piuparts run ends.\n")
    (group,) = told["groups"]
    assert (group["culprits"], group["innocent"], group["tested"]) == (["f-left"], False, {"f-left": "1"})


def test_a_dependency_answers_for_itself(workshop: Workshop, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    status, screen = seen(workshop, "--result", result, "--apt", "p-broken-user")
    assert status == 1
    assert "p-broken-helper; p-broken-user is innocent" in screen
    (group,) = json.loads(result.read_text())["groups"]
    assert (group["culprits"], group["innocent"]) == (["p-broken-helper"], True)
    assert list((Path(os.environ["PIUFARM_CACHE"]) / "logs").glob("p-broken-user_*.log"))
