"""One group of packages under examination in one chroot: commands, findings and notes all pass through here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import BinaryIO, Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Chroot, CommandLimits, CommandResult, Limit, Refused
from piufarm.slave.tester.base_facts import BaseFacts
from piufarm.slave.tester.compare import Comparison, compare
from piufarm.slave.tester.failures import farm_trouble
from piufarm.slave.tester.identities import Identities
from piufarm.slave.tester.ignores import Ignores
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.log import TestLog, decode_output, quote_command
from piufarm.slave.tester.options import Options
from piufarm.slave.tester.owners import FileLists
from piufarm.slave.tester.packages import QUERY, InstalledPackage, parse_query
from piufarm.slave.tester.tree import Tree

_MEBIBYTE: Final = 1024 * 1024


class TestEnded(Exception):
    """The package has failed in a way that ends its test at once; the finding is already recorded."""

    __test__ = False  # pytest: not a test class


class Examination:
    """A test under way. `findings` and `timings` fill as it goes; nothing here outlives the chroot."""

    def __init__(
        self, chroot: Chroot, group: Group, options: Options, log: TestLog, target_release: str | None = None
    ) -> None:
        self.chroot = chroot
        self.group = group
        self.options = options
        self.log = log
        self.target_release = target_release  # for apt-get -t
        self.findings: list[Finding] = []
        self.timings: dict[str, float] = {}
        self.ignores = Ignores(options.checks.rules, ignore_tmp=options.checks.ignore_tmp)
        self.installed: Mapping[str, InstalledPackage] = {}  # once the packages are installed
        self.lists = FileLists({})  # of all packages, noted before any is removed
        self._variables = {
            "PIUPARTS_OBJECTS": " ".join(options.operands),
            "PIUPARTS_DISTRIBUTION": options.root.distribution,
        }
        self._is_untouched = True  # no command that changes anything has run yet
        self._tree: Tree | None = None
        self._comparison: Comparison | None = None
        self._facts = BaseFacts(chroot.base)
        self._limits = CommandLimits(options.command_seconds, options.command_output_bytes)

    @property
    def reference(self) -> BaseFacts:
        """The facts about the base that the test is measured against."""
        return self._facts.wait()

    def tree(self) -> Tree:
        """The chroot's present tree; read again after each command."""
        if self._tree is None:
            self._tree = Tree(self.chroot.base.tree, self.chroot.changes())
        return self._tree

    def comparison(self) -> Comparison:
        """How the chroot differs from the base now."""
        if self._comparison is None:
            now = Identities.parse(self.chroot.read("/etc/passwd"), self.chroot.read("/etc/group"))
            before = self.reference.identities
            self._comparison = compare(self.chroot.base.tree, self.tree().changes, before, now)
        return self._comparison

    def _forget(self) -> None:
        self._tree = self._comparison = None

    def set_variables(self, **variables: str) -> None:
        """Set PIUPARTS_* variables for the commands to come."""
        self._variables.update(variables)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Count the block's duration for a phase."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.timings[phase] = self.timings.get(phase, 0.0) + time.monotonic() - start

    def report(self, finding: Finding, *, ends_the_test: bool = False) -> None:
        """Record a finding and show it; raises TestEnded if it is an error that ends the test."""
        self.findings.append(finding)
        if finding.severity is Severity.INFO:
            self.log.info(finding.text)
        else:
            self.log.error(finding.text)
        if ends_the_test and finding.severity is Severity.ERROR:
            raise TestEnded(finding.check)

    def execute(
        self,
        *argv: str,
        network: bool = False,
        is_query: bool = False,
        may_fail: bool = False,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> CommandResult:
        """Run a command that has to work, unless it `may_fail`. An `is_query` changes nothing, its output is for us.

        Raises TestEnded if the package made it fail, FarmError if we did.
        """
        words = quote_command(("chroot", self.chroot.root, *argv))
        self.log.debug(f"Starting command: {words}")
        untouched = self._is_untouched
        if not is_query:
            self._forget()
            self._is_untouched = False
        variables = {**CHROOT_ENVIRONMENT, **self._variables, **environment}
        result = self.chroot.run(argv, env=variables, limits=self._limits, network=network)
        output = self._output(result)
        has_failed = result.stopped_by is not None or (result.status != 0 and not may_fail)
        if output.strip() and (has_failed or not is_query):
            self.log.dump(f"\n{output}".rstrip("\n"))
        if not has_failed:
            failed = f"Command failed (status={result.status}), but ignoring error"
            self.log.debug(f"{failed if result.status else 'Command ok'}: {words}")
            return result
        trouble = farm_trouble(result, output, fetches=network, untouched=untouched)
        text = f"Command failed (status={result.status}): {words}\n{output}".rstrip("\n")
        if trouble is not None:
            self.log.error(text)
            raise trouble
        self.report(Finding("commands", Severity.ERROR, text), ends_the_test=True)
        raise AssertionError("an error that ends the test was reported")

    def _output(self, result: CommandResult) -> str:
        """The command's output, with a word about the limit that ended it."""
        output = decode_output(result.output)
        if result.stopped_by is None:
            return output
        kind = {Limit.OUTPUT: "output", Limit.TIME: "runtime"}.get(result.stopped_by, str(result.stopped_by))
        self.log.error(f"Terminating command due to excessive {kind}")
        limit = {
            Limit.OUTPUT: f"{self._limits.output_bytes / _MEBIBYTE:.2f} MB",
            Limit.TIME: f"{self._limits.seconds:g} s",
        }.get(result.stopped_by)
        amount = f" ({limit})" if limit else ""
        return f"{output}\n\n***** Command was terminated after exceeding {kind} limit{amount} *****\n"

    def query_packages(self) -> Mapping[str, InstalledPackage]:
        """What dpkg has in its database now."""
        return parse_query(self.execute(*QUERY, is_query=True).output.decode("utf-8", "surrogateescape"))

    def put(self, path: str, content: bytes | BinaryIO, *, mode: int = 0o644) -> None:
        """Write a file into the chroot."""
        self._forget()
        self.chroot.put(path, content, mode=mode)

    def remove(self, path: str) -> None:
        """Remove a file of ours from the chroot; what a package has put in its place is left to the comparison."""
        self._forget()
        with suppress(Refused):
            self.chroot.remove(path)

    def own_names(self) -> Sequence[str]:
        """The names of the packages under test."""
        return [package.name for package in self.group.packages]
