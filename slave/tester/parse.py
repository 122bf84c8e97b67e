"""From the parsed command line to Options: what goes together, defaults, and early refusal of what cannot work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from piufarm.errors import UsageError
from piufarm.slave.tester.ignores import IgnoreRule, builtin_rules
from piufarm.slave.tester.options import CheckOptions, Options, RootOptions

_MEBIBYTE: Final = 1024 * 1024


def parse_options(arguments: argparse.Namespace, words: Sequence[str] = ()) -> Options:
    """The options of a command line. Raises UsageError."""
    _refuse(arguments)
    tmpdir = arguments.tmpdir or Path(os.environ.get("TMPDIR") or "/tmp")
    if not tmpdir.is_dir():
        raise UsageError(f"not a directory: {tmpdir}", hint="--tmpdir must name a directory that exists")
    return Options(
        operands=tuple(arguments.operands),
        root=_root(arguments),
        checks=_checks(arguments),
        apt=arguments.apt,
        single_packages=arguments.single_packages,
        single_changes_list=arguments.single_changes_list,
        install_purge_test=not arguments.no_install_purge_test,
        tmpdir=tmpdir.absolute(),
        limits=not arguments.no_limits,
        command_seconds=arguments.max_command_runtime,
        command_output_bytes=int(arguments.max_command_output_size * _MEBIBYTE),
        log_file=arguments.log_file,
        log_level=arguments.log_level,
        result=arguments.result,
        words=tuple(words),
    )


def _refuse(arguments: argparse.Namespace) -> None:
    if not arguments.operands:
        raise UsageError("no packages given", hint="name .deb or .changes files, or with --apt packages of the archive")
    if len(arguments.distribution) > 1:
        raise UsageError("not supported yet: more than one --distribution (upgrades between suites)")
    if not arguments.apt and not arguments.no_upgrade_test:
        raise UsageError("not supported yet: the upgrade test", hint="add --no-upgrade-test")
    roots = [name for name in ("tarball", "existing_chroot", "schroot") if getattr(arguments, name) is not None]
    if len(roots) > 1:
        raise UsageError("more than one root given", hint="choose one of --basetgz, --existing-chroot and --schroot")
    if arguments.schroot is not None and arguments.save is not None:
        raise UsageError("a schroot cannot be saved", hint="make the tarball from an archive or another tarball")


def _root(arguments: argparse.Namespace) -> RootOptions:
    return RootOptions(
        tarball=_existing(arguments.tarball),
        directory=_existing(arguments.existing_chroot),
        schroot=arguments.schroot,
        distribution=arguments.distribution[0] if arguments.distribution else "sid",
        mirrors=tuple(arguments.mirror),
        flavour=arguments.defaults,
        extra_repos=tuple(arguments.extra_repo),
        keep_sources_list=arguments.keep_sources_list,
        arch=arguments.arch,
        merged_usr=True if arguments.merged_usr else None,
        keyring=_existing(arguments.keyring),
        verify_signatures=not arguments.do_not_verify_signatures,
        check_valid_until=not arguments.no_check_valid_until,
        install_recommends=arguments.install_recommends,
        install_suggests=arguments.install_suggests,
        unsafe_io=not arguments.dpkg_noforce_unsafe_io,
        force_confdef=arguments.dpkg_force_confdef,
        allow_database=arguments.allow_database,
        proxy=arguments.proxy,
        update_retries=arguments.update_retries,
        save=arguments.save,
    )


def _existing(path: Path | None) -> Path | None:
    if path is not None and not path.exists():
        raise UsageError(f"no such file: {path}")
    return path


def _checks(arguments: argparse.Namespace) -> CheckOptions:
    return CheckOptions(
        rules=_rules(arguments.ignores),
        ignore_tmp=not arguments.pedantic_purge_test,
        warn_on_leftovers=arguments.warn_on_leftovers_after_purge,
        warn_on_debsums=arguments.warn_on_debsums_errors,
        warn_on_over_symlink=arguments.warn_on_install_over_symlink,
        diversions=not arguments.no_diversions,
        symlinks=not arguments.no_symlinks,
        broken_symlinks_fail=arguments.fail_on_broken_symlinks,
        cron_files=not arguments.skip_cronfiles_test,
        logrotate_files=not arguments.skip_logrotatefiles_test,
    )


def _rules(given: Sequence[tuple[str, str]]) -> tuple[IgnoreRule, ...]:
    """The rules in force: each "none" forgets the built-in ones and all before it."""
    kinds = [kind for kind, _ in given]
    last = len(kinds) - 1 - kinds[::-1].index("none") if "none" in kinds else -1
    kept = tuple(IgnoreRule.parse(text, is_pattern=kind == "regex") for kind, text in given[last + 1 :])
    return kept if last >= 0 else builtin_rules() + kept
