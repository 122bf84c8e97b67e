"""A made-up farm: configuration, store and log files, as the master would have left them. No two runs differ."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from piufarm.config.load import load
from piufarm.config.model import Configuration
from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.report.site import Outcome as ReportOutcome
from piufarm.report.site import build_site
from piufarm.states import PackageState
from piufarm.store import open_store
from piufarm.store.model import (
    ComputedState,
    Dependency,
    IndexPackage,
    NewRun,
    Placement,
    Provided,
    Relation,
    Store,
    run_log,
)
from tests.report import logs

NOW: Final = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
SID: Final = SectionName("sid")
HOSTILE_MAINTAINER: Final = 'Eve "><script>alert(2)</script>, <b>&amp; Sons</b> \u202e\x1b[1m\x9f <eve@example.org>'

_STEMS: Final = (
    "apache2", "bash", "bind9", "calibre", "cmake", "curl", "dnsmasq", "emacs", "exim4", "ffmpeg", "firebird",
    "fontforge", "gdal", "gimp", "git", "gnupg2", "graphviz", "grub2", "haproxy", "hello", "httpie", "icu",
    "imagemagick", "inkscape", "jq", "kde-cli-tools", "knot", "libreoffice", "lighttpd", "lvm2", "mariadb",
    "mercurial", "mpv", "munin", "nano", "nginx", "nodejs", "ocaml", "openldap", "openssh", "openssl", "pandoc",
    "perl", "php8.4", "postfix", "postgresql-17", "prosody", "psmisc", "pulseaudio", "quagga", "r-base", "redis",
    "ruby3.3", "samba", "screen", "sqlite3", "squid", "sudo", "systemd", "tmux", "tor", "unbound", "vim",
    "vorbisgain", "wget", "x264", "xterm", "yad", "zabbix", "zsh",
)
_PEOPLE: Final = (
    "Debian QA Group <packages@qa.example.org>",
    "Ana María Pérez <anamaria@example.org>",
    "Łukasz Wiśniewski <lukasz@example.org>",
    "Debian Perl Group <pkg-perl-maintainers@lists.example.org>",
    "O'Brien & Daughters Packaging Cooperative <packaging@example.org>",
)
_KINDS: Final = ("{0}", "lib{0}-1", "lib{0}-dev", "{0}-doc", "python3-{0}")


@dataclass
class SampleFarm:
    """A farm below one directory."""

    directory: Path
    configuration: Configuration
    store_url: str
    _runs: int = field(default=0)

    @property
    def output(self) -> Path:
        return self.configuration.farm.output_directory

    @property
    def master_directory(self) -> Path:
        return self.configuration.farm.master_directory

    def open(self) -> Store:
        return open_store(self.store_url)

    def report(self, *sections: str, now: datetime = NOW) -> ReportOutcome:
        """Render the site."""
        opener = partial(open_store, self.store_url, create=False)
        return build_site(self.configuration, opener, asked=sections, now=now)

    def add_run(
        self,
        store: Store,
        section: SectionName,
        package: str,
        version: str,
        outcome: Outcome,
        log: bytes,
        *,
        at: datetime = NOW - timedelta(hours=3),
        slave: str | None = "worker1",
    ) -> str:
        """Store a result and its log; returns the run's id."""
        self._runs += 1
        run_id = f"{at:%Y%m%dT%H%M%S}-{self._runs:08x}"
        path = self.master_directory / section / run_log(run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log)
        digest = hashlib.sha256(log).hexdigest()
        store.record_run(
            section, NewRun(run_id, Package(package), Version(version), outcome, slave, at, len(log), digest)
        )
        return run_id


def make_farm(directory: Path, sections: Sequence[str] = ("sid",), *, more: str = "") -> SampleFarm:
    """An empty farm with these sections; `more` is appended to piuparts.conf, after the last section's stanza."""
    url = f"sqlite://{directory}/store.sqlite"
    stanzas = "".join(f"\n[{name}]\ndistro = {name.split('/')[-1]}\n" for name in sections)
    path = directory / "piuparts.conf"
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"[global]\nsections = {' '.join(sections)}\nmaster-directory = {directory}/master\n"
        f"output-directory = {directory}/html\nstate = {url}\nmirror = http://localhost/debian\narch = amd64\n"
        f"doc-root = /piuparts\nweb-host = farm.example.org\nmax-reserved = 5\n{stanzas}{more}"
    )
    (directory / "master").mkdir(exist_ok=True)
    open_store(url).close()
    return SampleFarm(directory, load(path), url)


def index_package(
    name: str, *depends: str, version: str = "1.0-1", source: str = "", maintainer: str = _PEOPLE[0],
    provides: Sequence[str] = (), listed: bool = True,
) -> IndexPackage:  # fmt: skip
    """A package of the archive; each of `depends` is `a | b`, a leading `!` makes it a Pre-Depends."""
    clauses = tuple(
        Dependency(
            tuple(Relation(Package(word.strip())) for word in clause.lstrip("!").split("|")), clause.startswith("!")
        )
        for clause in depends
    )
    known = Version(version)
    return IndexPackage(
        Package(name), known, known, Package(source or name), known, maintainer, clauses,
        tuple(Provided(Package(name)) for name in provides), listed,
    )  # fmt: skip


def fill(store: Store, section: SectionName, packages: Sequence[IndexPackage]) -> None:
    """Give a section its archive snapshot."""
    store.replace_packages(section, packages, index_digest="sample", now=NOW - timedelta(hours=8))


def set_states(store: Store, section: SectionName, states: Mapping[str, ComputedState]) -> None:
    """Write states as the master's evaluation would."""
    found = {Package(name): state for name, state in states.items()}
    store.set_states(section, found, evaluated=store.snapshot(section))


def realistic_section(farm: SampleFarm, section: SectionName, *, days: int = 30, seed: int = 7) -> None:
    """Some 300 packages in every state, with `days` days of counts and the logs that belong to them."""
    chance = random.Random(seed)
    packages = list(_packages(chance))
    states = _states(packages, chance)
    store = farm.open()
    fill(store, section, packages)
    _history(store, section, states, days, chance)
    by_name = {package.name: package for package in packages}
    for number, (name, computed) in enumerate(states.items()):
        _results(farm, store, section, by_name[Package(name)], computed.state, number)
    _reservations(store, section)
    set_states(store, section, states)
    store.record_daily_counts(section, NOW.date())
    store.close()


def _packages(chance: random.Random) -> Iterator[IndexPackage]:
    names: list[str] = []
    for stem in _STEMS:
        version = f"{chance.randint(0, 9)}.{chance.randint(0, 30)}-{chance.randint(1, 4)}"
        for kind in _KINDS[: chance.randint(3, len(_KINDS))]:
            name = kind.format(stem)
            depends = [*chance.sample(names, min(len(names), chance.randint(0, 4))), "libc6"]
            if chance.random() < 0.15:
                depends.append("default-mta | mail-transport-agent")
            yield index_package(
                name, *depends, version=version, source=stem, maintainer=chance.choice(_PEOPLE),
                provides=("mail-transport-agent", "default-mta") if name in ("exim4", "postfix") else (),
            )  # fmt: skip
            names.append(name)
    yield index_package("libc6", version="2.42-3", source="glibc", maintainer=_PEOPLE[0])
    yield index_package("eve", "libc6", maintainer=HOSTILE_MAINTAINER, version="1:0.9~rc1+dfsg-1")
    yield index_package("chatty", "libc6", "eve", maintainer=_PEOPLE[4])


def _states(packages: Sequence[IndexPackage], chance: random.Random) -> dict[str, ComputedState]:
    shares = (80, 7, 2, 4, 3, 4, 1, 1, 1, 1)
    found: dict[str, ComputedState] = {}
    failed = [PackageState.FAILED_TESTING]
    for package in packages:
        state = chance.choices(list(PackageState), shares)[0]
        if package.name in ("eve", "chatty"):
            state = failed[0]
        if package.name == "libc6":
            state = PackageState.SUCCESSFULLY_TESTED
        blocked = chance.choice((0, 0, 0, 1, 3, 12, 140)) if state in _ERRORS else 0
        found[package.name] = ComputedState(state, _reason(package, state), 2, chance.randint(0, 9), blocked)
    return found


_ERRORS: Final = (PackageState.FAILED_TESTING, PackageState.CANNOT_BE_TESTED)
_REASONS: Final[Mapping[PackageState, str]] = {
    PackageState.SUCCESSFULLY_TESTED: "version {version} passed its test",
    PackageState.FAILED_TESTING: "version {version} failed its test",
    PackageState.CANNOT_BE_TESTED: "version {version} could not be tested",
    PackageState.WAITING_TO_BE_TESTED: "all its dependencies are tested; it waits for a slave",
    PackageState.WAITING_FOR_DEPENDENCY: "waits for {dependency}",
    PackageState.DEPENDENCY_FAILED: "depends on {dependency}, which failed its test",
    PackageState.DEPENDENCY_CANNOT_BE_TESTED: "depends on {dependency}, which cannot be tested",
    PackageState.DEPENDENCY_DOES_NOT_EXIST: "depends on {dependency}, which does not exist",
    PackageState.UNKNOWN: "its state has not been computed yet",
    PackageState.OUTDATED: "another section has a newer version",
}


def _reason(package: IndexPackage, state: PackageState) -> str:
    return _REASONS[state].format(version=package.version, dependency=package.depends[0].alternatives[0].name
                                  if package.depends else "nothing")


def _history(
    store: Store, section: SectionName, states: Mapping[str, ComputedState], days: int, chance: random.Random
) -> None:
    """Counts of the days before today: the farm works its way through the archive."""
    waiting = ComputedState(PackageState.WAITING_TO_BE_TESTED, "waits for a slave")
    names = list(states)
    chance.shuffle(names)
    today: date = NOW.date()
    for day in range(days, 0, -1):
        done = int(len(names) * (1 - day / (days + 2)))
        set_states(store, section, {name: states[name] if rank < done else waiting for rank, name in enumerate(names)})
        store.record_daily_counts(section, today - timedelta(days=day))


def _results(
    farm: SampleFarm, store: Store, section: SectionName, package: IndexPackage, state: PackageState, number: int
) -> None:
    name, version, source = package.name, package.test_version, package.source
    at = NOW - timedelta(minutes=11 * number + 5)
    slave = f"worker{number % 3 + 1}"
    if state is PackageState.SUCCESSFULLY_TESTED:
        log = logs.passing(name, version, source=source, maintainer=package.maintainer)
        farm.add_run(store, section, name, version, Outcome.PASS, log, at=at, slave=slave)
    elif state is PackageState.CANNOT_BE_TESTED:
        farm.add_run(store, section, name, version, Outcome.UNTESTABLE, logs.untestable(name, version), at=at)
    elif state is PackageState.FAILED_TESTING:
        log = _failure(name, version, source, package.maintainer)
        old = farm.add_run(store, section, name, "0.1-1", Outcome.PASS, logs.passing(name, "0.1-1"),
                           at=at - timedelta(days=40), slave=slave)
        store.retire(section, [old])
        run = farm.add_run(store, section, name, version, Outcome.FAIL, log, at=at, slave=slave)
        farm.add_run(store, section, name, version, Outcome.PASS, logs.passing(name, version),
                     at=at + timedelta(minutes=2), slave="worker9")
        placement = (Placement.FAIL, Placement.FAIL, Placement.BUGGED, Placement.FAIL, Placement.AFFECTED)[number % 5]
        if name not in ("eve", "chatty"):
            store.set_placement(run, placement)


def _failure(name: str, version: str, source: str, maintainer: str) -> bytes:
    if name == "eve":
        return logs.hostile(name, version)
    if name == "chatty":
        return logs.long(name, version, lines=9000)
    return logs.failing(name, version, source=source, maintainer=maintainer)


def _reservations(store: Store, section: SectionName) -> None:
    for number in range(4):
        taken = NOW - timedelta(minutes=7 * number)
        store.reserve(section, owner=f"worker{number + 1}", now=taken, deadline=taken + timedelta(hours=48))
