"""The whole command in real chroots: whose failure is whose, what is written, and what is left when it is ended."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from demo.debs import DebSpec, build
from piufarm.run import PIPE, STDOUT, Child, Completed, clean_environment, run, spawn
from tests.slave.tester.specimens import Specimen, deb
from tests.slave.tester.workshop import Workshop, ours
from tests.support.accounts import Account
from tests.support.clone import PIUFARM
from tests.support.host import host_state, left_over

pytestmark = pytest.mark.farm
END: Final = "piuparts run ends."


def environment() -> dict[str, str]:
    return clean_environment(PIUFARM_CACHE=os.environ["PIUFARM_CACHE"])


def trial(workshop: Workshop, *words: str | Path) -> Completed:
    """A run on the workshop's base."""
    return run([PIUFARM, "test", *workshop.root_words, *words], env=environment(), check=False, timeout_seconds=120)


def built(tmp_path: Path, *specs: DebSpec) -> list[str]:
    return [str(build(spec, tmp_path)) for spec in specs]


def log_of(done: Completed) -> str:
    return done.stdout.decode()


# -- whose failure is whose -----------------------------------------------------------------------------------------


def test_a_script_that_takes_too_long_fails_its_package(workshop: Workshop) -> None:
    sleeper = deb("f-sleeper", postinst="sleep 86412")
    verdict = ours(workshop, Specimen("sleeper", [sleeper], False, options=("--command-runtime", "2")))
    assert verdict.status == 1
    assert "Terminating command due to excessive runtime" in verdict.lines
    assert "  ***** Command was terminated after exceeding runtime limit (2 s) *****" in verdict.lines


def test_a_mirror_that_is_down_is_our_trouble(workshop: Workshop, tmp_path: Path) -> None:
    assert trial(workshop, "--apt", "p-user").status == 0  # the base is prepared
    result = tmp_path / "result.json"
    workshop.server.broken = True
    try:
        done = trial(workshop, "--result", result, "--apt", "p-user")
    finally:
        workshop.server.broken = False
    assert done.status == 3
    assert END not in log_of(done)
    told = json.loads(result.read_text())
    assert told["outcome"] is None
    assert told["trouble"] and told["trouble_kind"] in ("network", "mirror")


def test_a_deb_that_the_mirror_lost_is_our_trouble(workshop: Workshop) -> None:
    lost = DebSpec("p-lost", files={"/usr/share/p-lost": "x"})
    with workshop.publishing(lost):
        workshop.archive.forget("p-lost")
        done = trial(workshop, "--apt", "p-lost")
    assert (done.status, END in log_of(done)) == (3, False), log_of(done)


def test_a_deb_that_is_not_what_the_index_says_is_our_trouble(workshop: Workshop) -> None:
    swapped = DebSpec("p-swapped", files={"/usr/share/p-swapped": "x"})
    with workshop.publishing(swapped):
        (place,) = (workshop.archive.www / "pool").rglob("p-swapped_*.deb")
        content = place.read_bytes()
        place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        done = trial(workshop, "--apt", "p-swapped")
    assert (done.status, END in log_of(done)) == (3, False), log_of(done)


def test_a_base_that_cannot_be_unpacked_is_our_trouble(workshop: Workshop, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tar.gz"
    broken.write_bytes(workshop.tarball.read_bytes()[:100000])
    done = trial(workshop, "-b", broken, "--apt", "p-user")
    assert (done.status, END in log_of(done)) == (3, False)


def test_a_file_that_is_no_package_fails_and_one_that_is_missing_is_a_mistake(
    workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "text.deb").write_text("not a package")
    bad = trial(workshop, "--no-upgrade-test", tmp_path / "text.deb")
    missing = trial(workshop, "--no-upgrade-test", tmp_path / "missing.deb")
    assert (bad.status, END in log_of(bad)) == (1, True)
    assert (missing.status, END in log_of(missing)) == (2, False)
    assert b"no such file" in missing.stderr


def test_an_unprivileged_account_is_told_what_it_needs(unprivileged_account: Account, readable_clone: Path) -> None:
    program = readable_clone / "bin" / "piufarm"
    done = run([*unprivileged_account.prefix, program, "test", "--apt", "x"], check=False)
    assert done.status == 2
    assert b"--schroot NAME" in done.stderr


# -- what is written ------------------------------------------------------------------------------------------------


def test_the_result_tells_everything(workshop: Workshop, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    done = trial(workshop, "--result", result, "--no-adequate", "--apt", "p-user=1")
    told = json.loads(result.read_text())
    assert done.status == 0
    assert (told["schema"], told["outcome"], told["trouble"]) == (1, "pass", None)
    assert "p-user=1" in told["reproduce"]
    assert told["base_id"]
    (group,) = told["groups"]
    assert (group["packages"], group["outcome"], group["findings"]) == (["p-user=1"], "pass", [])
    assert group["installed"] == {"p-helper": "1", "p-user": "1"}
    assert group["tested"] == {"p-user": "1"}
    assert "dpkg" in told["base_packages"]
    assert list(group["timings"]) == [
        "set up", "start", "prepare", "install", "check installed", "tear down", "remove", "check removed", "purge",
        "check purged",
    ]
    assert all(seconds >= 0 for seconds in group["timings"].values())


def test_findings_are_data(workshop: Workshop, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    leaver = deb("f-plain", postinst="touch /etc/f-plain")
    words: list[str | Path] = ["--result", result, "--no-adequate", "--no-upgrade-test", *built(tmp_path, leaver)]
    done = trial(workshop, *words)
    assert done.status == 1
    assert "INFO: At fault: f-plain\n" in log_of(done)
    told = json.loads(result.read_text())
    (finding,) = told["groups"][0]["findings"]
    assert told["outcome"] == "fail"
    assert (finding["check"], finding["severity"], finding["subjects"]) == ("left-files", "error", ["/etc/f-plain"])
    assert (finding["culprits"], finding["is_settled"]) == (["f-plain"], True)
    assert finding["origins"][0]["made_in"] == "postinst configure"


def test_the_log_file_is_appended_to_and_holds_what_is_shown(workshop: Workshop, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    done = trial(workshop, "-l", log, "--apt", "p-user")
    assert log.read_bytes() == b"before\n" + done.stdout


def test_file_names_that_are_not_utf8_are_shown_and_never_lost(workshop: Workshop, tmp_path: Path) -> None:
    leaver = deb("f-bytes", postinst='touch "/etc/f-$(printf "\\\\377\\\\303\\\\244")"')
    log = tmp_path / "log"
    done = trial(workshop, "-l", log, "--no-upgrade-test", *built(tmp_path, leaver))
    assert done.status == 1
    assert "  /etc/f-\\xffä\t not owned" in log.read_text().split("\n")


def test_each_changes_file_is_a_group_and_one_that_fails_does_not_hide_the_others(
    workshop: Workshop, tmp_path: Path
) -> None:
    specs = (deb("p-first"), deb("f-second", postinst="exit 1"), deb("p-third"))
    changes = [changes_file(tmp_path, spec) for spec in specs]
    result = tmp_path / "result.json"
    done = trial(workshop, "--no-upgrade-test", "--result", result, *changes)
    outcomes = [(group["packages"], group["outcome"]) for group in json.loads(result.read_text())["groups"]]
    assert done.status == 1
    assert outcomes == [(["p-first=1"], "pass"), (["f-second=1"], "fail"), (["p-third=1"], "pass")]
    assert log_of(done).count("PASS: Installation and purging test.") == 2
    assert "INFO: Testing p-third=1 (3 of 3)" in log_of(done)


def changes_file(tmp_path: Path, spec: DebSpec) -> Path:
    build(spec, tmp_path)
    path = tmp_path / f"{spec.name}.changes"
    path.write_text(f"Format: 1.8\nSource: x\nFiles:\n 0 1 misc optional x.dsc\n 0 1 misc optional {spec.file_name}\n")
    return path


def test_a_saved_root_is_a_base_to_test_in(workshop: Workshop, tmp_path: Path) -> None:
    saved = tmp_path / "saved.tar.gz"
    done = trial(workshop, "--no-install-purge-test", "--no-upgrade-test", "-s", saved, "--apt", "TARBALL")
    assert done.status == 0, log_of(done)
    assert log_of(done).rstrip().endswith(END)
    assert trial(workshop, "-b", saved, "--apt", "p-user").status == 0


def test_what_scripts_set_up_is_saved(workshop: Workshop, tmp_path: Path) -> None:
    script = tmp_path / "scripts/post_setup_mark"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho made > /etc/mark\n")
    script.chmod(0o755)
    saved = tmp_path / "saved.tar"
    skip = ("--no-install-purge-test", "--no-upgrade-test")
    done = trial(workshop, *skip, "--scriptsdir", script.parent, "-s", saved, "--apt", "TARBALL")
    assert done.status == 0, log_of(done)
    members = run(["tar", "-tf", saved]).stdout.decode().split("\n")
    assert "./etc/mark" in members
    assert not [name for name in members if name.startswith(("./tmp/", "./proc/", "./dev/")) and name.count("/") > 2]


# -- how it ends ----------------------------------------------------------------------------------------------------


@contextmanager
def under_way(workshop: Workshop, tmp_path: Path) -> Iterator[Child]:
    """A test whose package is being configured, for a long time."""
    (file,) = built(tmp_path, deb("f-slow", postinst="sleep 86412 & sleep 86412"))
    log = tmp_path / "log"
    words: list[str | Path] = [PIUFARM, "test", *workshop.root_words, "--no-upgrade-test", "-l", log, file]
    process = spawn(words, stdout=PIPE, stderr=STDOUT, env=environment())
    try:
        wait_for(lambda: log.exists() and "apt-get" in log.read_text())
        wait_for(lambda: bool(sleepers()))
        yield process
    finally:
        process.kill()
        process.wait()


def sleepers() -> list[str]:
    commands = (read(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    return [command for command in commands if command == "sleep\x0086412\x00"]


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def marks() -> list[str]:
    """What a process or mount of these tests has in its name."""
    return [os.environ["PIUFARM_CACHE"], "86412"]


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_test_and_leaves_nothing(
    workshop: Workshop, tmp_path: Path, number: int, status: int
) -> None:
    before = host_state()
    with under_way(workshop, tmp_path) as process:
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == status
    assert END.encode() not in output, "it says nothing about the package"
    assert not left_over(before, marks=marks())


def test_a_killed_tester_leaves_nothing(workshop: Workshop, tmp_path: Path) -> None:
    before = host_state()
    with under_way(workshop, tmp_path) as process:
        process.kill()
        process.wait()
    assert not left_over(before, marks=marks())


def test_a_reader_that_goes_away_ends_the_test(workshop: Workshop, tmp_path: Path) -> None:
    before = host_state()
    words: list[str | Path] = [PIUFARM, "test", *workshop.root_words, "--apt", "p-user"]
    process = spawn(words, stdout=PIPE, env=environment())
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 3
    assert not left_over(before, marks=marks())


def test_a_test_changes_nothing_on_the_host(workshop: Workshop) -> None:
    assert trial(workshop, "--apt", "p-user").status == 0  # whatever the first test keeps in its cache
    before = host_state()
    done = trial(workshop, "--apt", "p-user")
    assert re.search(r"chroot of base \w+ at /\S+/tmp\w+", log_of(done))
    assert not left_over(before, marks=marks())
