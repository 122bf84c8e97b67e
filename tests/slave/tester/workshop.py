"""Where specimens are made, and both testers that can be asked about them."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec, build
from demo.server import ArchiveServer, serve
from piufarm.run import clean_environment, run
from tests.slave.tester.specimens import ARCHIVE, Specimen
from tests.support.accounts import Account
from tests.support.bases import BaseTarball
from tests.support.clone import PIUFARM

SUITE: Final = "probe"
COMPATIBLE: Final = "1.1.7"  # the predecessor's version whose lines ours are compared with
_RECORD: Final = re.compile(r"\d+m[\d.]+s (\w+): (.*)")
_OWNERS: Final = re.compile(r"(.* owned by: )(.*)")
_ROOT: Final = re.compile(r"'/[^']*/tmp\w+'")
# What either tester says about itself, or about what it alone does.
_NOT_COMPARED: Final = re.compile(
    r"-----|To quickly glance|FAQ|The FAQ|piu\w+ version|Command line arguments|Running on"
    r"|apt-cache (knows|does not know)|Not tested|dpkg removed empty directories|.* converted to .* by /usr merge"
    r"|(preparing|unpacking|indexing|apt-get) |At fault: "
)
# Lines of apt, dpkg and the flooding package that differ from run to run, the last words of a failing dpkg, of which
# apt loses some now and then when the machine is busy, and a process table.
_VOLATILE: Final = re.compile(
    r"  (\(Reading|Get:|Fetched|Need to get|Hit:|Ign:|[flod]*$|Processing was halted| [a-z0-9+.-]+$)"
    r"|  .*\b(sleep|PID)\b|  (These files seem|This seems|being explicitly|It was so with)"
)


@dataclass(frozen=True)
class Workshop:
    """Where specimens are made and tested."""

    directory: Path
    tarball: Path
    archive: SignedArchive
    server: ArchiveServer
    account: Account
    packages: Sequence[DebSpec]  # what the archive holds
    clone: Path  # ours, where that account can read it

    @contextmanager
    def publishing(self, *specs: DebSpec) -> Iterator[None]:
        """The archive holds these packages, too."""
        self.archive.publish(SUITE, [*self.packages, *specs])
        try:
            yield
        finally:
            self.archive.publish(SUITE, self.packages)

    @property
    def root_words(self) -> list[str]:
        """The arguments that say what to test in."""
        return ["-b", str(self.tarball), "-d", SUITE, "-m", f"{self.server.url} main"]

    def words(self, specimen: Specimen, root_words: Sequence[str] | None = None) -> list[str]:
        """The arguments that both testers get; `root_words` choose another root."""
        place = self.directory / specimen.name.replace(" ", "-")
        debs = [str(build(spec, place)) for spec in specimen.debs]
        operands = ["--apt", *specimen.apt] if specimen.apt else debs
        upgrade = [] if specimen.upgrades else ["--no-upgrade-test"]
        return [*(root_words or self.root_words), *upgrade, *specimen.options, *operands]


@dataclass(frozen=True)
class Verdict:
    """What a tester said."""

    status: int
    log: str

    @property
    def lines(self) -> set[str]:
        """What matters of the log: no time, no debugging records, names of roots made equal."""
        kept: set[str] = set()
        is_shown = False
        for line in self.log.split("\n"):
            record = _RECORD.fullmatch(line)
            if record:
                is_shown = record[1] not in ("DEBUG", "DUMP") and not _NOT_COMPARED.match(record[2])
            text = record[2] if record else line
            if is_shown and text.strip() and not _VOLATILE.match(text):
                text = _OWNERS.sub(lambda match: match[1] + ", ".join(sorted(match[2].split(", "))), text)
                kept.add(_ROOT.sub("'ROOT'", text))
        return kept


def trusting_tarball(tarball: Path, keyring: Path, target: Path) -> Path:
    """A copy of a base tarball that trusts an archive."""
    extra = target.with_suffix(".d")
    trusted = extra / "etc/apt/trusted.gpg.d"
    trusted.mkdir(parents=True)
    shutil.copyfile(keyring, trusted / "probe.gpg")
    (trusted / "probe.gpg").chmod(0o644)
    plain = target.with_suffix(".tar")
    with gzip.open(tarball) as packed, plain.open("wb") as stream:
        shutil.copyfileobj(packed, stream, 1 << 20)
    run(["tar", "-C", extra, "--owner=0", "--group=0", "-rf", plain, "./etc/apt/trusted.gpg.d/probe.gpg"])
    with plain.open("rb") as stream, gzip.open(target, "wb", compresslevel=1) as packed:
        shutil.copyfileobj(stream, packed, 1 << 20)
    plain.unlink()
    return target


@pytest.fixture(scope="session")
def workshop(
    base_tarball: BaseTarball, unprivileged_account: Account, readable_clone: Path
) -> Iterator[Workshop]:
    """A signed archive on loopback and a base that trusts it, where an unprivileged account can see them, too."""
    directory = Path(tempfile.mkdtemp(prefix="piufarm-specimens-"))
    directory.chmod(0o755)
    archive = SignedArchive(directory / "archive")
    packages = [*ARCHIVE, *base_packages(base_tarball.path)]
    archive.publish(SUITE, packages)
    tarball = trusting_tarball(base_tarball.path, archive.keyring, directory / "base.tar.gz")
    with serve(archive.www) as server:
        yield Workshop(directory, tarball, archive, server, unprivileged_account, packages, readable_clone)
    shutil.rmtree(directory, ignore_errors=True)


def base_packages(tarball: Path) -> list[DebSpec]:
    """Stand-ins for packages of the base that a test replaces, in the version that the base has."""
    status = run(["tar", "-xzOf", tarball, "./var/lib/dpkg/status"]).stdout.decode()
    paragraph = next(part for part in status.split("\n\n") if part.startswith("Package: tzdata\n"))
    fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
    files = {"/usr/share/zoneinfo/Etc/UTC": "stand-in\n"}  # where /etc/localtime leads
    return [DebSpec("tzdata", version=fields["Version"], architecture=fields["Architecture"], files=files)]


def compatible(specimen: Specimen) -> list[str]:
    """What makes our tester find no more than the predecessor."""
    return [] if specimen.is_strict else ["--compat"]


def ours(workshop: Workshop, specimen: Specimen, *more: str) -> Verdict:
    """Our tester's verdict."""
    environment = clean_environment(PIUFARM_CACHE=os.environ["PIUFARM_CACHE"])
    words: list[str | Path] = [PIUFARM, "test", *more, *compatible(specimen), *workshop.words(specimen)]
    done = run(words, env=environment, check=False, timeout_seconds=120)
    return Verdict(done.status, (done.stdout + done.stderr).decode())


@pytest.fixture(scope="session")
def schroot(workshop: Workshop) -> Iterator[str]:
    """A schroot of the unprivileged account with the same base."""
    # in the place of the architecture: keeps it apart from a real one, and from that of another run of the tests
    label = f"specimens-{os.getpid()}"
    words: list[str | Path] = [SUITE, "--user", workshop.account.name, "--arch", label, "--tarball", workshop.tarball]
    words += ["--mirror", f"{workshop.server.url} main", "--keyring", workshop.archive.keyring]
    run([PIUFARM, "slave", "setup-schroot", *words, "--directory", workshop.directory / "schroot"])
    name = f"piufarm-{SUITE}-{label}"
    try:
        yield name
    finally:
        (Path("/etc/schroot/chroot.d") / name).unlink(missing_ok=True)


def ours_in_schroot(workshop: Workshop, specimen: Specimen, name: str) -> Verdict:
    """Our tester's verdict, given as an account without privileges."""
    home = workshop.directory / "home"
    home.mkdir(exist_ok=True)
    os.chown(home, workshop.account.uid, workshop.account.gid)
    root = ["--schroot", name, "-d", SUITE, "-m", f"{workshop.server.url} main"]
    root += ["--keyring", str(workshop.archive.keyring)]
    program = workshop.clone / "bin" / "piufarm"
    words: list[str | Path] = [program, "test", *compatible(specimen), *workshop.words(specimen, root)]
    environment = clean_environment(PIUFARM_CACHE=str(home / "cache"))
    done = run([*workshop.account.prefix, *words], env=environment, check=False, timeout_seconds=120)
    return Verdict(done.status, (done.stdout + done.stderr).decode())


@pytest.fixture(scope="session")
def predecessor() -> str:
    """The version of the real piuparts here."""
    return run(["piuparts", "--version"]).stdout.decode().split()[-1]


def the_predecessors(workshop: Workshop, specimen: Specimen) -> Verdict:
    """The real piuparts' verdict: in a mount namespace of its own, its roots on a tmpfs of its own."""
    roots = workshop.directory / "roots"
    roots.mkdir(exist_ok=True)
    private = 'mount -t tmpfs -o mode=755 tmpfs "$1" && shift && exec "$@"'
    words = ["piuparts", "-t", str(roots), *workshop.words(specimen)]
    done = run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", private, "sh", roots, *words],
        check=False,
        timeout_seconds=300,
    )
    return Verdict(done.status, (done.stdout + done.stderr).decode("utf-8", "backslashreplace"))
