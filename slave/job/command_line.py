"""The command lines that test a package and that make a base tarball."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.config.distros import Distros
from piufarm.config.model import ChrootBackend, Configuration, NetworkScope, Section
from piufarm.run import clean_environment
from piufarm.slave.spool import Reserved

_PROGRAM: Final = "piufarm"
_INSTALLED: Final = Path("/usr/bin/piufarm")
_CLONE: Final = Path(__file__).resolve().parents[2]
_TARBALL_OPERAND: Final = "TARBALL"  # no package: only the base is made
# what a test inherits from the slave's own surroundings
_INHERITED: Final = ("PIUFARM_CACHE", "TMPDIR", "TERM", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy")


def own_tester() -> tuple[str, ...]:
    """The command of our own tester: from the clone if the slave runs from one."""
    program = _CLONE / "bin" / _PROGRAM
    if program.exists():
        return "/usr/bin/python3", str(program), "test"
    return str(_INSTALLED), "test"


def is_own_tester(command: Sequence[str]) -> bool:
    """Whether a piuparts-command is our tester: not set, or ending in `piufarm test`."""
    return not command or (len(command) >= 2 and command[-1] == "test" and Path(command[-2]).name == _PROGRAM)


def schroot_name(distribution: str, arch: str) -> str:
    """The name of the schroot that `piufarm slave setup-schroot` makes for a suite."""
    return f"piufarm-{distribution}-{arch}"


def _operand(entry: Reserved) -> str:
    return f"{entry.package}={entry.version}"


@dataclass(frozen=True)
class CommandLine:
    """Composes command lines for one section."""

    section: Section
    distros: Distros
    proxy: str | None

    @property
    def is_own(self) -> bool:
        """Whether tests are run by our own tester."""
        return is_own_tester(self.section.piuparts_command)

    @property
    def uses_schroot(self) -> bool:
        """Whether tests start from a schroot by name instead of a base tarball; only our tester knows how."""
        return self.is_own and self.section.chroot_backend is ChrootBackend.SCHROOT

    @property
    def base_distro(self) -> str:
        """The distro that the base is made from: the first one of an upgrade, else the one that is tested."""
        if self.section.upgrade_test_distros:
            return self.section.upgrade_test_distros[0]
        return self.section.distro or ""

    @property
    def schroot(self) -> str:
        """The name of the section's schroot."""
        distribution = self.distros.base_distro(self.base_distro).distribution
        return schroot_name(distribution.replace("/", "-"), self.section.arch)

    @property
    def uses_layers(self) -> bool:
        """Whether tests can stand on ready layers of dependencies."""
        section = self.section
        is_overlay = section.chroot_backend is ChrootBackend.OVERLAY
        return self.is_own and is_overlay and section.layers_disk > 0 and not section.is_upgrade_test

    def test(
        self,
        entry: Reserved,
        tarball: Path,
        *,
        metadata: Path | None = None,
        result: Path | None = None,
        extra: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """The test of one package.

        With `metadata`, that file is read if it exists, else written; our tester writes its result to `result` and
        gets the `extra` words.
        """
        words = self._on_base(tarball)
        if metadata is not None and self.section.is_upgrade_test:
            words += ["-B" if metadata.exists() else "-S", str(metadata)]
        if result is not None and self.is_own:
            words += ["--result", str(result), *extra, *(self._room_for_layers if extra else ())]
        return (*words, "--apt", _operand(entry))

    def plan(self, entries: Sequence[Reserved], tarball: Path, path: Path) -> tuple[str, ...]:
        """Our tester writes to `path` what a batch is best tested like."""
        words = [*self._on_base(tarball), "--plan-layers", str(path), *self._room_for_layers]
        return (*words, "--apt", *map(_operand, entries))

    @property
    def _room_for_layers(self) -> tuple[str, ...]:
        return ("--layers-disk", str(self.section.layers_disk))

    def _on_base(self, tarball: Path) -> list[str]:
        section = self.section
        words = [*self._prefix(), *(("--schroot", self.schroot) if self.uses_schroot else ("-b", str(tarball)))]
        if section.is_upgrade_test:
            for distro in section.upgrade_test_distros:
                words += ["-d", distro]
        else:
            words += ["-d", section.selection_distro or "", "--no-upgrade-test"]
        if section.keep_sources_list:
            words.append("--keep-sources-list")
        return words

    def tarball(self, path: Path) -> tuple[str, ...]:
        """The making of a base tarball at `path`."""
        skip = ("--no-install-purge-test", "--no-upgrade-test")
        return (*self._prefix(), "-d", self.base_distro, "-s", str(path), *skip, "--apt", _TARBALL_OPERAND)

    def environment(self, configuration: Configuration) -> Mapping[str, str]:
        """A clean environment; with it our tester finds the same configuration files."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return clean_environment(**inherited, PIUPARTS_CONF=str(configuration.path))

    def _prefix(self) -> list[str]:
        """What tests and tarballs have in common."""
        section = self.section
        words = ["setarch", *section.setarch] if section.setarch else []
        words += section.piuparts_command or own_tester()
        words += section.piuparts_flags
        if self.is_own:
            words += self._own_options()
        if self.proxy:
            words += ["--proxy", self.proxy]
        if section.mirror:
            words += ["--mirror", " ".join((section.mirror, *section.components))]
        if section.tmpdir:
            words += ["--tmpdir", str(section.tmpdir)]
        return [*words, "--arch", section.arch]

    def _own_options(self) -> list[str]:
        words = [] if self.section.strict else ["--compat"]
        if self.section.chroot_backend is ChrootBackend.COPY:
            words += ["--chroot-backend", "copy"]
        if self.section.network is not NetworkScope.APT:
            words += ["--network", str(self.section.network)]
        if self.section.archive_keyring:
            words += ["--keyring", str(self.section.archive_keyring)]
        if self.section.archive_unsigned:
            words.append("--do-not-verify-signatures")
        if not self.section.check_valid_until:
            words.append("--no-check-valid-until")
        return words
