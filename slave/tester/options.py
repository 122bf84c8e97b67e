"""What a tester is asked to do: the command line as typed, frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from piufarm.slave.tester.ignores import IgnoreRule
from piufarm.slave.tester.log import Level

COMMAND_SECONDS: Final = 3600.0
COMMAND_OUTPUT_MEBIBYTES: Final = 8


@dataclass(frozen=True)
class RootOptions:
    """Where the root file system comes from and how it is set up before the test."""

    tarball: Path | None = None
    directory: Path | None = None
    schroot: str | None = None
    distribution: str = "sid"
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
    proxy: str | None = None
    update_retries: int = 0
    save: Path | None = None


@dataclass(frozen=True)
class CheckOptions:
    """Which checks run, and which of them only warn."""

    rules: tuple[IgnoreRule, ...] = ()
    ignore_tmp: bool = True
    warn_on_leftovers: bool = False
    warn_on_debsums: bool = False
    warn_on_over_symlink: bool = False
    diversions: bool = True
    symlinks: bool = True
    broken_symlinks_fail: bool = False
    cron_files: bool = True
    logrotate_files: bool = True


@dataclass(frozen=True)
class Options:
    """A whole command line."""

    operands: tuple[str, ...]
    root: RootOptions = field(default_factory=RootOptions)
    checks: CheckOptions = field(default_factory=CheckOptions)
    apt: bool = False
    single_packages: bool = False
    single_changes_list: bool = False
    install_purge_test: bool = True
    tmpdir: Path = Path("/tmp")
    limits: bool = True
    command_seconds: float = COMMAND_SECONDS
    command_output_bytes: int = COMMAND_OUTPUT_MEBIBYTES * 1024 * 1024
    log_file: Path | None = None
    log_level: Level = Level.DUMP
    result: Path | None = None
    words: Sequence[str] = ()  # the command line as given, to be shown and to be replayed
