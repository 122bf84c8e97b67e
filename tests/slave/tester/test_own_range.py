"""An account with subordinate ids, and no other right, tests packages in user namespaces."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.run import clean_environment, run
from piufarm.slave.chroot.own_range import OwnRange, own_range
from tests.slave.tester.specimens import SPECIMENS, Specimen, deb
from tests.slave.tester.workshop import Verdict, Workshop, ours
from tests.support.accounts import Account

NAME = "piufarm-range"
FIRST = 1_900_000_000


@pytest.fixture(scope="module")
def ranged_account(workshop: Workshop) -> Account:
    """An account made for the tests, kept for the next run; its home is the workshop's."""
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        run(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", NAME])
        run(["usermod", "--add-subuids", f"{FIRST}-{FIRST + 65535}", "--add-subgids", f"{FIRST}-{FIRST + 65535}", NAME])
        entry = pwd.getpwnam(NAME)
    home = workshop.directory / "closed-home"
    home.mkdir(mode=0o700)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return Account(NAME, entry.pw_uid, entry.pw_gid, home)


def theirs(workshop: Workshop, account: Account, specimen: Specimen) -> Verdict:
    """The verdict of our tester, given as that account."""
    program = workshop.clone / "bin" / "piufarm"
    words: list[str | Path] = [*account.prefix, program, "test", "--compat", *workshop.words(specimen)]
    environment = clean_environment(PIUFARM_CACHE=str(account.home / "cache"))
    done = run(words, env=environment, check=False, timeout_seconds=180)
    return Verdict(done.status, (done.stdout + done.stderr).decode())


@pytest.mark.farm
def test_it_judges_as_root_does(workshop: Workshop, ranged_account: Account) -> None:
    for name in ("well-behaved", "leaves files"):
        (specimen,) = (specimen for specimen in SPECIMENS if specimen.name == name)
        mine, given = ours(workshop, specimen), theirs(workshop, ranged_account, specimen)
        assert given.status == mine.status, given.log[-3000:]
        assert given.lines == mine.lines


@pytest.mark.farm
def test_what_it_cannot_do_is_said_and_is_no_failure_of_the_package(
    workshop: Workshop, ranged_account: Account
) -> None:
    node = deb("n-node", postinst="mknod /srv/n c 1 3", postrm="rm -f /srv/n")
    verdict = theirs(workshop, ranged_account, Specimen("node", [node], True))
    assert verdict.status == 3, verdict.log[-3000:]
    assert "refused what only real root may do, such as making device nodes" in verdict.log
    assert "test this package as root, or with --schroot NAME" in verdict.log


@pytest.mark.farm
def test_what_its_overlay_cannot_do_is_tested_in_a_copy(workshop: Workshop, ranged_account: Account) -> None:
    there_and_back = "rename q(/usr/share/doc), q(/usr/share/d) and rename q(/usr/share/d), q(/usr/share/doc) or die $!"
    renaming = deb("n-rename", postinst=f"exec perl -e '{there_and_back}'")
    verdict = theirs(workshop, ranged_account, Specimen("rename", [renaming], True))
    assert verdict.status == 0, verdict.log[-3000:]
    if "Invalid cross-device link" in verdict.log:  # before Linux 6.6 the first try is in a copy
        assert "once more in a full copy of the base" in verdict.log


def test_root_needs_no_range() -> None:
    assert own_range() is None


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends to be the account of user id 4242, which has no name."""
    monkeypatch.setattr("os.geteuid", lambda: 4242)


@pytest.mark.parametrize(
    ("text", "first"),
    [("4242:100000:65536\n", 100000), ("a:1:65536\n4242:5:10\n4242:7:70000\n", 7), ("", None), ("4242:5:10\n", None),
     ("4242\n4242:x:y\n:::\n4242:1:\n", None)],
)  # fmt: skip
def test_the_first_range_that_is_large_enough_counts(
    not_root: None, tmp_path: Path, text: str, first: int | None
) -> None:
    ids = tmp_path / "subid"
    ids.write_text(text)
    if first is not None:
        assert own_range(ids, ids) == OwnRange(first, first)
        return
    with pytest.raises(FarmError, match="no range of ids") as error:
        own_range(ids, ids)
    assert "usermod --add-subuids" in (error.value.hint or "")
