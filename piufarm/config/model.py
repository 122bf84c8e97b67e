"""The configuration as the programs see it: frozen, typed, complete.

A key `max-reserved` of piuparts.conf is the attribute `max_reserved`. Lists are tuples, paths are absolute, durations
carry their unit in the documentation of the key (docs/piuparts.conf.md). Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from piufarm.names import SectionName

DEFAULT_CONFIG: Final = Path("/etc/piuparts/piuparts.conf")
DEFAULT_DISTROS: Final = Path("/etc/piuparts/distros.conf")


class ChrootBackend(StrEnum):
    """How the slave makes throw-away chroots."""

    OVERLAY = "overlay"
    SCHROOT = "schroot"
    COPY = "copy"


class NetworkScope(StrEnum):
    """What the commands of a test can reach of the network; base images are always made with `apt`."""

    APT = "apt"  # apt alone, only the archives of the section, and nothing while maintainer scripts run
    ARCHIVES = "archives"  # every command, the archives of the section
    ANY = "any"  # every command, all public http and https servers


@dataclass(frozen=True)
class Expiry:
    """`expire-old-days`, `expire-fail-days`: 0 is off; a relative value counts from the reschedule days."""

    days: int
    relative: bool


@dataclass(frozen=True)
class Global:
    """Keys that only [global] may set; one object for the whole farm."""

    sections: tuple[SectionName, ...]  # empty: not set; slaves fall back to `slave`, the report to `report` or all
    basetgz_sections: tuple[SectionName, ...]
    master_directory: Path
    slave_directory: Path
    slave_count: int
    output_directory: Path
    backup_directory: Path | None
    web_host: str
    doc_root: str  # leading slash, no trailing one; "" for the root
    proxy: str | None
    pythonpath: Path | None
    log_file: str  # stem of the files that collect the stderr of sessions
    known_problem_directory: Path
    reschedule_untestable_days: int
    urlbase: str
    testing_suite: str | None
    state: str  # URL of the store


@dataclass(frozen=True)
class Section:
    """All settings of one section, defaults of [global] and of the program filled in."""

    name: SectionName
    # reaching the master
    master_host: str | None
    master_user: str | None
    master_command: str | None
    # what is tested
    mirror: str | None
    distro: str | None  # the literal "None" marks a section that only keeps a base tarball
    upgrade_test_distros: tuple[str, ...]
    area: str
    components: tuple[str, ...]
    arch: str
    packages: tuple[str, ...]  # globs; empty: all
    depends_sections: tuple[SectionName, ...]
    # trusting the archive
    archive_keyring: Path | None  # None: the host's; see `archive_unsigned`
    archive_unsigned: bool  # `archive-keyring = none`
    check_valid_until: bool
    max_shrink: float  # share of packages that may vanish in one refresh, 0 to 1
    # running tests
    piuparts_command: tuple[str, ...]  # empty: our own tester
    piuparts_flags: tuple[str, ...]
    setarch: tuple[str, ...]
    tmpdir: Path | None
    chroot_backend: ChrootBackend
    network: NetworkScope
    strict: bool  # for our own tester: more than the predecessor's findings
    layers_disk: int  # MB; for our own tester
    layers_recheck: int
    chroot_tgz: str | None
    basetgz_directory: Path
    chroot_meta_auto: str | None
    chroot_meta_directory: Path | None
    max_tgz_age: int
    min_tgz_retry_delay: int
    keep_sources_list: bool
    # the slave's rhythm
    max_reserved: int
    idle_sleep: int
    precedence: int
    slave_flush_interval: int
    slave_load_max: float | None
    # the master
    log_file: str
    reservation_timeout: int
    reserve_wait: float
    lease_timeout: int
    max_retries: int  # attempts on one version, by any slave, that may end in trouble
    refresh_interval: int
    # the report
    description: str
    json_sections: tuple[str, ...]
    exclude_known_problems: tuple[str, ...]
    debug: bool
    # the jobs
    reschedule_old_days: int
    reschedule_old_count: int
    reschedule_fail_days: int
    reschedule_fail_count: int
    expire_old_days: Expiry
    expire_fail_days: Expiry
    auto_reschedule: bool
    keep_bugged: bool

    @property
    def selection_distro(self) -> str | None:
        """The distro whose packages are selected for testing: `distro`, else the last one of an upgrade."""
        if self.distro is not None:
            return self.distro
        return self.upgrade_test_distros[-1] if self.upgrade_test_distros else None

    @property
    def is_upgrade_test(self) -> bool:
        """Whether packages are tested across suites (two or more) and not by install and purge."""
        return len(self.upgrade_test_distros) >= 2

    @property
    def is_tarball_only(self) -> bool:
        """Whether the section tests nothing and only keeps a base tarball (`distro = None`)."""
        return self.distro == "None"


@dataclass(frozen=True)
class Origin:
    """Where an effective value comes from: `[SECTION]`, `[global]`, `[DEFAULT]` with their line, or `default`."""

    place: str
    line: int | None = None


@dataclass(frozen=True)
class Configuration:
    """A whole piuparts.conf: the farm's settings and every section by name, `[global]` itself among them."""

    path: Path
    farm: Global
    sections: Mapping[SectionName, Section]
    warnings: tuple[str, ...] = ()  # what is odd in the file but usable, one message each
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict)  # by section and key; "" is the farm


@dataclass(frozen=True)
class Distro:
    """A stanza of distros.conf: where a suite lives and what it builds on."""

    name: str
    uri: str | None  # None: the section's mirror
    is_virtual: bool  # `uri = None`: no archive of its own, only parents
    distribution: str
    components: tuple[str, ...]  # empty: everything requested
    target_release: str | None
    depends: tuple[str, ...]
    candidates: tuple[str, ...]
