"""From the parsed command line to Options: what goes together, defaults, and early refusal of what cannot work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from piufarm.config.model import ChrootBackend
from piufarm.errors import UsageError
from piufarm.slave.tester.command_line.flavours import flavour
from piufarm.slave.tester.command_line.options import (
    DEBFOSTER_OPTIONS,
    CheckOptions,
    LayerOptions,
    Options,
    OutputOptions,
    RootOptions,
    TestOptions,
)
from piufarm.slave.tester.roots.testdebs import testdebs_line
from piufarm.slave.tester.scripts.script_set import ScriptSet, read_scripts
from piufarm.slave.tester.state.ignores import IgnoreRule, builtin_rules

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
        tests=_tests(arguments),
        checks=_checks(arguments),
        output=_output(arguments),
        layers=_layers(arguments),
        apt=arguments.apt,
        single_packages=arguments.single_packages,
        single_changes_list=arguments.single_changes_list,
        tmpdir=tmpdir.absolute(),
        limits=not arguments.no_limits,
        memory_bytes=_bytes(arguments.quota_memory),
        disk_bytes=_bytes(arguments.quota_disk),
        processes=None if arguments.quota_processes is None else max(1, int(arguments.quota_processes)),
        command_seconds=arguments.command_runtime,
        test_seconds=arguments.total_runtime,
        command_output_bytes=int(arguments.max_command_output_size * _MEBIBYTE),
        words=tuple(words),
    )


def _output(arguments: argparse.Namespace) -> OutputOptions:
    return OutputOptions(
        log_file=arguments.log_file,
        log_level=arguments.log_level,
        result=arguments.result,
        verbose=arguments.verbose,
        keep_env=arguments.keep_env,
        shell_on_error=arguments.shell_on_error,
    )


def _layers(arguments: argparse.Namespace) -> LayerOptions:
    return LayerOptions(
        plan=arguments.layers,
        write_plan=arguments.plan_layers,
        recheck=arguments.recheck_layers,
        disk_mebibytes=int(arguments.layers_disk),
    )


def _bytes(mebibytes: float | None) -> int | None:
    return None if mebibytes is None else int(mebibytes * _MEBIBYTE)


def _refuse(arguments: argparse.Namespace) -> None:
    if not arguments.operands:
        raise UsageError("no packages given", hint="name .deb or .changes files, or with --apt packages of the archive")
    _refuse_roots(arguments)
    if len(arguments.distribution) > 1 and arguments.keep_sources_list:
        raise UsageError(
            "an upgrade between suites has to change sources.list",
            hint="leave out --keep-sources-list, or all but one -d",
        )
    if arguments.distupgrade_to_testdebs and not (arguments.testdebs_repo or arguments.distupgrade_to_testdebs_from):
        raise UsageError("--distupgrade-to-testdebs needs packages to upgrade to", hint="add --testdebs-repo REPO")


def _refuse_roots(arguments: argparse.Namespace) -> None:
    """What cannot go together, because a root has one source."""
    others = [name for name in ("tarball", "existing_chroot") if getattr(arguments, name) is not None]
    if arguments.schroot is not None and others:
        raise UsageError(
            "a schroot has a root of its own: --schroot does not go with -b, -p or -e",
            hint="`piufarm slave setup-schroot SUITE --tarball FILE` makes a schroot of a tarball",
        )
    if len(others) > 1:
        raise UsageError("more than one root given", hint="choose one of --basetgz and --existing-chroot")
    if arguments.schroot is not None and arguments.save is not None:
        raise UsageError("a schroot cannot be saved", hint="make the tarball from an archive or another tarball")


def _root(arguments: argparse.Namespace) -> RootOptions:
    existing = arguments.existing_chroot
    return RootOptions(
        tarball=_existing(arguments.tarball, hint="`piufarm test --save FILE …` makes one"),
        directory=None if existing is None else _directory(existing, "--existing-chroot"),
        schroot=arguments.schroot,
        backend=arguments.chroot_backend if arguments.schroot is None else ChrootBackend.SCHROOT,
        distribution=_distributions(arguments)[0],
        mirrors=tuple(arguments.mirror),
        flavour=arguments.defaults,
        extra_repos=tuple(arguments.extra_repo),
        keep_sources_list=arguments.keep_sources_list,
        arch=arguments.arch,
        merged_usr=True if arguments.merged_usr else None,
        keyring=_existing(arguments.keyring, hint="the archive's keyring package has it"),
        verify_signatures=not arguments.do_not_verify_signatures,
        check_valid_until=not arguments.no_check_valid_until,
        install_recommends=arguments.install_recommends,
        install_suggests=arguments.install_suggests,
        unsafe_io=not arguments.dpkg_noforce_unsafe_io,
        force_confdef=arguments.dpkg_force_confdef,
        allow_database=arguments.allow_database,
        network=arguments.network,
        proxy=arguments.proxy,
        update_retries=arguments.update_retries,
        bind_mounts=_bind_mounts(arguments),
        debfoster=_debfoster(arguments),
        fake_essential_packages=_names(arguments.fake_essential_packages),
        save=arguments.save,
    )


def _tests(arguments: argparse.Namespace) -> TestOptions:
    testdebs = arguments.distupgrade_to_testdebs_from
    repository = str(testdebs.absolute()) if testdebs is not None else arguments.testdebs_repo
    return TestOptions(
        distributions=_distributions(arguments),
        install_purge=not arguments.no_install_purge_test,
        upgrade=not arguments.no_upgrade_test,
        install_purge_install=arguments.install_purge_install,
        install_remove_install=arguments.install_remove_install,
        upgrade_before_dist_upgrade=arguments.upgrade_before_dist_upgrade,
        extra_old_packages=_names(arguments.extra_old_packages),
        testdebs_repo=None if repository is None else testdebs_line(repository),
        distupgrade_to_testdebs=arguments.distupgrade_to_testdebs or testdebs is not None,
        save_end_meta=arguments.save_end_meta,
        end_meta=arguments.end_meta,
        scripts=_scripts(arguments.scriptsdir),
        delete_conffiles=arguments.delete_conffiles_test,
        edited_conffile=arguments.edited_conffile_test,
        reconfigure=arguments.reconfigure_test,
        stop_without_daemon=arguments.stop_without_daemon_test,
        interrupted_unpack=arguments.interrupted_unpack_test,
    )


def _scripts(directories: Sequence[Path]) -> ScriptSet | None:
    return read_scripts([_directory(path, "--scriptsdir") for path in directories]) if directories else None


def _distributions(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(arguments.distribution) or (flavour(arguments.defaults).suite,)


def _bind_mounts(arguments: argparse.Namespace) -> tuple[Path, ...]:
    testdebs = arguments.distupgrade_to_testdebs_from
    asked = [*arguments.bindmount, *([] if testdebs is None else [testdebs])]
    found = tuple(dict.fromkeys(_directory(path, "--bindmount") for path in asked))
    for path in found:
        if len(path.parts) < 2 or path.parts[1] in ("proc", "sys", "dev"):
            raise UsageError(f"cannot be shown in a chroot: {path}", hint="it has one of its own there")
    return found


def _debfoster(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    if not arguments.minimize:
        return None
    return DEBFOSTER_OPTIONS if arguments.debfoster_options is None else tuple(arguments.debfoster_options.split())


def _names(lists: Iterable[str]) -> tuple[str, ...]:
    """Package names of several lists with commas. Raises UsageError for what apt could take for an option."""
    names = tuple(name for text in lists for part in text.split(",") if (name := part.strip()))
    for name in names:
        if name.startswith("-") or not name.isprintable() or " " in name:
            raise UsageError(f"not a package name: {name!r}", hint="names are separated by commas")
    return names


def _directory(path: Path, option: str) -> Path:
    if not path.is_dir():
        raise UsageError(f"not a directory: {path}", hint=f"{option} must name a directory that exists")
    return path.absolute()


def _existing(path: Path | None, *, hint: str) -> Path | None:
    if path is not None and not path.exists():
        raise UsageError(f"no such file: {path}", hint=hint)
    return path


def _checks(arguments: argparse.Namespace) -> CheckOptions:
    return CheckOptions(
        rules=_rules(arguments.ignores),
        ignore_tmp=not arguments.pedantic_purge_test,
        compat=arguments.compat,
        warn_on_leftovers=arguments.warn_on_leftovers_after_purge,
        warn_on_debsums=arguments.warn_on_debsums_errors,
        warn_on_over_symlink=arguments.warn_on_install_over_symlink,
        warn_on_others=arguments.warn_on_others,
        usr_move=arguments.warn_on_usr_move,
        diversions=not arguments.no_diversions,
        symlinks=not arguments.no_symlinks,
        broken_symlinks_fail=arguments.fail_on_broken_symlinks,
        adequate=not arguments.no_adequate,
        inadequate_fails=arguments.fail_if_inadequate,
        cron_files=not arguments.skip_cronfiles_test,
        logrotate_files=not arguments.skip_logrotatefiles_test,
        list_installed_files=arguments.list_installed_files,
    )


def _rules(given: Sequence[tuple[str, str]]) -> tuple[IgnoreRule, ...]:
    """The rules in force: each "none" forgets the built-in ones and all before it."""
    kinds = [kind for kind, _ in given]
    last = len(kinds) - 1 - kinds[::-1].index("none") if "none" in kinds else -1
    kept = tuple(IgnoreRule.parse(text, is_pattern=kind == "regex") for kind, text in given[last + 1 :])
    return kept if last >= 0 else builtin_rules() + kept
