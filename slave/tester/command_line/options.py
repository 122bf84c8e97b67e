"""What a tester is asked to do: the command line as typed, frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from piufarm.config.model import ChrootBackend, NetworkScope
from piufarm.slave.chroot.interface import ChrootLimits
from piufarm.slave.chroot.limits import default_limits
from piufarm.slave.tester.output.log import Level
from piufarm.slave.tester.scripts.script_set import ScriptSet
from piufarm.slave.tester.state.ignores import IgnoreRule

COMMAND_SECONDS: Final = 3600.0
TEST_SECONDS: Final = 6 * 3600.0
COMMAND_OUTPUT_MEBIBYTES: Final = 8
LAYERS_MEBIBYTES: Final = 8192
DEBFOSTER_OPTIONS: Final = ("-o", "MaxPriority=required", "-o", "UseRecommends=no", "-f", "-n", "apt", "debfoster")


class UsrMove(StrEnum):
    """What becomes of files that an upgrade moves between / and /usr."""

    DISABLED = "disabled"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class RootOptions:
    """Where the root file system comes from and how it is set up before the test."""

    tarball: Path | None = None
    directory: Path | None = None
    schroot: str | None = None
    backend: ChrootBackend = ChrootBackend.OVERLAY
    distribution: str = "sid"  # the suite that the root is made of; of an upgrade between suites the first
    mirrors: tuple[str, ...] = ()  # "URL [component…]"; empty: the host's own
    flavour: str | None = None  # debian or ubuntu; None: the host's
    extra_repos: tuple[str, ...] = ()
    keep_sources_list: bool = False
    arch: str | None = None
    merged_usr: bool | None = None
    keyring: Path | None = None
    verify_signatures: bool = True
    check_valid_until: bool = True
    install_recommends: bool = False
    install_suggests: bool = False
    unsafe_io: bool = True
    force_confdef: bool = False
    allow_database: bool = False
    network: NetworkScope = NetworkScope.APT
    proxy: str | None = None
    update_retries: int = 0
    bind_mounts: tuple[Path, ...] = ()  # host directories, at the same place inside, never writable
    debfoster: tuple[str, ...] | None = None  # its arguments if the root is to be minimised, else None
    fake_essential_packages: tuple[str, ...] = ()  # in the root before the test begins, and part of its reference
    save: Path | None = None


@dataclass(frozen=True)
class TestOptions:
    """Which tests are made, and how."""

    __test__ = False  # pytest: not a test class

    distributions: tuple[str, ...] = ("sid",)  # more than one: the upgrade between these suites is the only test
    install_purge: bool = True
    upgrade: bool = True
    install_purge_install: bool = False
    install_remove_install: bool = False
    upgrade_before_dist_upgrade: bool = False
    extra_old_packages: tuple[str, ...] = ()
    testdebs_repo: str | None = None  # line of sources.list
    distupgrade_to_testdebs: bool = False
    save_end_meta: Path | None = None
    end_meta: Path | None = None
    scripts: ScriptSet | None = None  # None: no directory of scripts was given
    # Tests that the predecessor does not have.
    delete_conffiles: bool = False
    edited_conffile: bool = False
    reconfigure: bool = False
    stop_without_daemon: bool = False
    interrupted_unpack: bool = False

    @property
    def is_distupgrade(self) -> bool:
        """Whether packages are upgraded from one suite to another."""
        return len(self.distributions) > 1


@dataclass(frozen=True)
class CheckOptions:
    """Which checks run, and which of them only warn."""

    rules: tuple[IgnoreRule, ...] = ()
    ignore_tmp: bool = True
    compat: bool = False  # exactly the predecessor's verdicts: no findings that it does not have
    warn_on_leftovers: bool = False
    warn_on_debsums: bool = False
    warn_on_over_symlink: bool = False
    warn_on_others: bool = False
    usr_move: UsrMove = UsrMove.DISABLED
    diversions: bool = True
    symlinks: bool = True
    broken_symlinks_fail: bool = False
    adequate: bool = True
    inadequate_fails: bool = False
    cron_files: bool = True
    logrotate_files: bool = True
    list_installed_files: bool = False


@dataclass(frozen=True)
class OutputOptions:
    """Where a test is written down, and what is kept of it for people to look at."""

    log_file: Path | None = None
    log_level: Level = Level.DUMP
    result: Path | None = None
    verbose: bool = False  # the log itself is shown at a terminal, too
    keep_env: bool = False
    shell_on_error: bool = False


@dataclass(frozen=True)
class LayerOptions:
    """Whether tests stand on ready layers of dependencies."""

    plan: Path | None = None  # which layers; None: tests start from the base alone
    write_plan: Path | None = None  # make such a plan for the operands instead of testing them
    recheck: bool = False  # test from the base alone, too, and compare
    disk_mebibytes: int = LAYERS_MEBIBYTES  # of all layers of a base


@dataclass(frozen=True)
class Options:
    """A whole command line."""

    operands: tuple[str, ...]
    root: RootOptions = field(default_factory=RootOptions)
    tests: TestOptions = field(default_factory=TestOptions)
    checks: CheckOptions = field(default_factory=CheckOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    layers: LayerOptions = field(default_factory=LayerOptions)
    apt: bool = False
    single_packages: bool = False
    single_changes_list: bool = False
    tmpdir: Path = Path("/tmp")
    limits: bool = True
    command_seconds: float = COMMAND_SECONDS
    test_seconds: float = TEST_SECONDS  # of each chroot
    memory_bytes: int | None = None  # for these three None: what default_limits says
    disk_bytes: int | None = None
    processes: int | None = None
    command_output_bytes: int = COMMAND_OUTPUT_MEBIBYTES * 1024 * 1024
    words: Sequence[str] = ()  # the command line as given, to be shown and to be replayed

    @property
    def chroot_limits(self) -> ChrootLimits | None:
        """What each chroot may use; None: everything."""
        if not self.limits:
            return None
        usual = default_limits()
        return ChrootLimits(
            disk_bytes=self.disk_bytes or usual.disk_bytes,
            memory_bytes=self.memory_bytes or usual.memory_bytes,
            processes=self.processes or usual.processes,
            seconds=self.test_seconds,
        )
