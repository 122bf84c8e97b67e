"""Tests on layers: the verdict, the findings and the log of one from the base alone, and what happens where not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demo.debs import DebSpec
from piufarm.run import clean_environment, run
from piufarm.slave.layers.plan import Planned
from tests.slave.layers.plans import forecast
from tests.slave.tester.workshop import SUITE, Workshop
from tests.support.clone import PIUFARM

LIBRARY = DebSpec(
    "l-library",
    files={"/usr/share/l-library/data": "data\n", "/etc/l-library.conf": "x\n"},
    conffiles=["/etc/l-library.conf"],
    directories={"/var/lib/l-library": 0o755},
    scripts={
        "postinst": "mkdir -p /var/lib/l-library/made; mv /var/local /var/l-moved",
        "prerm": "mv /var/l-moved /var/local",
        "postrm": 'if [ "$1" = purge ]; then rm -rf /var/lib/l-library; fi',
    },
)
SECOND = DebSpec("l-second", depends="l-library", files={"/usr/share/l-second/data": "data\n"})
TIDY = DebSpec("l-tidy", depends="l-second", files={"/usr/share/l-tidy": "x"})
# Takes a directory of the layer's apart, puts a link in its place, and everything back when it goes.
RENAMES = DebSpec(
    "l-renames",
    depends="l-second",
    scripts={
        "postinst": "mv /usr/share/l-library /usr/share/l-renamed; ln -s l-renamed /usr/share/l-library; "
        "cd /usr/share; rm l-second/data; rmdir l-second; mkdir l-second; echo data > l-second/data",
        "prerm": "rm /usr/share/l-library; mv /usr/share/l-renamed /usr/share/l-library",
    },
)
LEAVES = DebSpec("l-leaves", depends="l-second", scripts={"postinst": "touch /var/lib/l-library/made/left /opt/l"})
SPOILS = DebSpec("l-spoils", depends="l-second", scripts={"postinst": "echo other > /usr/share/l-library/data"})
EVERY = (TIDY, RENAMES, LEAVES, SPOILS)


@pytest.fixture(scope="module")
def tested(
    workshop: Workshop, session_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Any]:
    """The result of each package, tested on layers and rechecked."""
    folder = tmp_path_factory.mktemp("layers")
    below = {"l-library": "1", "l-second": "1"}
    layers = ({"l-library": "1"}, {"l-second": "1"})
    planned = {spec.name: Planned(spec.name, {**below, spec.name: "1"}, layers) for spec in EVERY}
    # not what apt will install
    planned["l-second"] = Planned("l-second", {"l-library": "1", "l-second": "1", "l-never": "1"}, (layers[0],))
    forecast(planned).write(folder / "plan")
    results = {}
    with workshop.publishing(LIBRARY, SECOND, *EVERY):
        results["l-tidy alone"] = on_layers(workshop, "l-tidy", folder, session_cache)
        for name in planned:
            results[name] = on_layers(workshop, name, folder, session_cache, "--recheck-layers")
    return results


def on_layers(workshop: Workshop, name: str, folder: Path, cache: Path, *options: str) -> Any:
    words = ["--layers", str(folder / "plan"), "--result", str(folder / "result"), *options, "--no-upgrade-test"]
    environment = clean_environment(PIUFARM_CACHE=str(cache))
    done = run([PIUFARM, "test", *workshop.root_words, *words, "--apt", name], env=environment, check=False)
    log = done.stdout.decode()
    return {**json.loads((folder / "result").read_text()), "log": log}


@pytest.mark.parametrize("name", [spec.name for spec in EVERY])
def test_a_test_on_layers_says_what_one_from_the_base_alone_says(tested: Mapping[str, Any], name: str) -> None:
    (use,) = tested[name]["layers"]
    assert len(use["keys"]) == 2
    assert use["differences"] == []
    assert tested[name]["outcome"] == ("pass" if name == "l-tidy" else "fail")


def test_a_pass_on_layers_counts_and_its_log_tells_how_they_were_made(tested: Mapping[str, Any]) -> None:
    result = tested["l-tidy alone"]
    assert [use["counts"] for use in result["layers"]] == [True]
    assert result["groups"][0]["installed"] == {"l-library": "1", "l-second": "1", "l-tidy": "1"}
    for text in ("Unpacking l-library", "Setting up l-second", "Unpacking l-tidy", "Removing l-library", "run ends."):
        assert text in result["log"]


def test_another_set_of_packages_than_planned_does_not_count_and_is_no_fault_of_the_layers(
    tested: Mapping[str, Any],
) -> None:
    (use,) = tested["l-second"]["layers"]
    assert not use["counts"]
    assert use["reason"] == "apt has installed something else than in the base"
    assert use["differences"] == []
    assert tested["l-second"]["outcome"] == "pass"


def test_what_a_dependency_has_failed_one_package_with_fails_the_next_one_on_other_layers(
    workshop: Workshop, session_cache: Path, tmp_path: Path
) -> None:
    untidy = DebSpec("l-untidy", files={"/usr/share/l-untidy": "x"}, scripts={"postinst": "touch /opt/l-untidy"})
    one, other = (DebSpec(name, depends="l-untidy", files={f"/usr/share/{name}": "x"}) for name in ("l-one", "l-other"))
    guilty = DebSpec("l-guilty", depends="l-untidy", scripts={"postinst": "touch /opt/l-guilty"})
    planned = {spec.name: Planned(spec.name, {"l-untidy": "1", spec.name: "1"}, ({"l-untidy": "1"},))
               for spec in (one, guilty)}
    other_layer = {"l-untidy": "1", "l-tidy-too": "1"}
    planned[other.name] = Planned(other.name, {**other_layer, other.name: "1"}, (other_layer,))
    forecast(planned).write(tmp_path / "plan")
    tidy_too = DebSpec("l-tidy-too", files={"/usr/share/l-tidy-too": "x"})
    other = replace(other, depends="l-untidy, l-tidy-too")
    with workshop.publishing(untidy, tidy_too, one, other, guilty):
        first, second, third = (
            on_layers(workshop, spec.name, tmp_path, session_cache) for spec in (one, other, guilty)
        )
    assert [result["outcome"] for result in (first, second, third)] == ["fail"] * 3
    assert [result["layers"][0]["counts"] for result in (first, second, third)] == [False, True, False]
    assert [result["groups"][0]["innocent"] for result in (first, second, third)] == [True, True, False]
    assert second["groups"][0]["culprits"] == ["l-untidy"]


def test_an_unknown_suite_of_layers_is_none_of_ours(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "plan").write_text("{}")
    words = ["--layers", str(tmp_path / "plan"), "-d", SUITE, "--no-upgrade-test", "--apt", "l-tidy"]
    ended = run([PIUFARM, "test", *workshop.root_words, *words], check=False)
    assert ended.status == 3
    assert b"cannot use the plan" in ended.stderr


def test_dependencies_that_fill_the_disk_are_no_layer(
    workshop: Workshop, session_cache: Path, tmp_path: Path
) -> None:
    hog = DebSpec("l-hog", scripts={"postinst": "head -c 300000000 /dev/zero > /var/l-hog; sleep 3; rm /var/l-hog"})
    user = DebSpec("l-hogs-user", depends="l-hog", files={"/usr/share/l-hogs-user": "x"})
    planned = Planned(user.name, {"l-hog": "1", user.name: "1"}, ({"l-hog": "1"},))
    forecast({user.name: planned}).write(tmp_path / "plan")
    with workshop.publishing(hog, user):
        result = on_layers(workshop, user.name, tmp_path, session_cache, "--quota-disk", "100")
    assert "they cannot be a layer: they take up too much of the disk" in result["log"]
    assert result["layers"] == []
    assert result["outcome"] == "fail"
