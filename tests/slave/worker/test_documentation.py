"""docs/slave.md names what the code has."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from piufarm.slave import run_command
from piufarm.slave.events import Phase

DOCUMENT = (Path(__file__).parents[3] / "docs" / "slave.md").read_text()


def test_every_phase_of_the_events_is_documented() -> None:
    table = DOCUMENT.split("| `phase` | Meaning |")[1]
    names = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {word for cell in names for word in re.findall(r"`([a-z-]+)`", cell)}
    assert documented == {phase.value for phase in Phase}


def test_every_option_is_documented() -> None:
    parser = argparse.ArgumentParser()
    run_command.configure(parser)
    options = {word for action in parser._actions for word in action.option_strings if word.startswith("--")}
    documented = set(re.findall(r"^\| `(--[a-z-]+)", DOCUMENT, re.MULTILINE))
    assert documented == options - {"--help"}
