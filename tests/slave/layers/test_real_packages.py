"""A few packages of Debian on layers and from the base alone: to a reader they say the same."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from piufarm.run import clean_environment, run
from piufarm.slave.layers.forecast import Forecast
from piufarm.slave.layers.plan import Planned
from tests.support.bases import BaseTarball
from tests.support.clone import PIUFARM

# Share python3, whose maintainer scripts compile what other packages bring.
PACKAGES = ("python3-yaml", "python3-attr")


@pytest.mark.farm
def test_real_packages_say_the_same_on_layers(base_tarball: BaseTarball, tmp_path: Path) -> None:
    base = base_tarball
    words: list[str | Path] = ["-b", base.path, "-d", base.suite, "-m", f"{base.mirror.uri} main"]
    command: list[str | Path] = [PIUFARM, "test", *words, "--no-upgrade-test"]
    environment = clean_environment(PIUFARM_CACHE=os.environ["PIUFARM_CACHE"])
    planning = run([*command, "--plan-layers", tmp_path / "plan", "--apt", *PACKAGES], env=environment)
    assert b"nothing was tested" in planning.stdout and b"PASS" not in planning.stdout
    made = Forecast.read(tmp_path / "plan")
    common = dict(set.intersection(*(set(item.installed.items()) for item in made.planned.values())))
    planned = {name: Planned(name, made.planned[name].installed, (common,)) for name in PACKAGES}
    Forecast(planned, made.debs, None, made.shared).write(tmp_path / "plan")
    for package in PACKAGES:
        result: list[str | Path] = ["--result", tmp_path / "result", "--layers", tmp_path / "plan", "--recheck-layers"]
        run([*command, *result, "--apt", package], env=environment, check=False)
        (use,) = json.loads((tmp_path / "result").read_text())["layers"]
        assert len(use["keys"]) == 1
        assert use["differences"] == []
