"""One group of packages under examination in one chroot: commands, findings and notes all pass through here."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Chroot, CommandLimits, CommandResult, Limit, Refused
from piufarm.slave.tester.blame.culprits import charge
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.failures import farm_trouble
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.output.log import Level, TestLog, decode_output
from piufarm.slave.tester.scripts.script_set import SCRIPTS_PLACE
from piufarm.slave.tester.state.base_facts import BaseFacts
from piufarm.slave.tester.state.compare import Comparison, compare
from piufarm.slave.tester.state.diversions import DIVERSIONS, parse_diversions
from piufarm.slave.tester.state.identities import Identities
from piufarm.slave.tester.state.ignores import IgnoreRule, Ignores
from piufarm.slave.tester.state.owners import INFO, FileLists, parse_list
from piufarm.slave.tester.state.packages import QUERY, InstalledPackage, parse_query
from piufarm.slave.tester.state.reference import Facts, Reference
from piufarm.slave.tester.state.tree import Tree

if TYPE_CHECKING:
    from piufarm.slave.tester.upgrades.way import Way

_DPKG_LOG: Final = "/var/log/dpkg.log"
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
        place_of_scripts = IgnoreRule(f"{SCRIPTS_PLACE}/", is_pattern=False)
        rules = (*options.checks.rules, place_of_scripts) if options.tests.scripts else options.checks.rules
        self.ignores = Ignores(rules, ignore_tmp=options.checks.ignore_tmp, anchored=not options.checks.compat)
        self.installed: dict[str, InstalledPackage] = {}  # all that the steps of the test have installed
        self.lists = FileLists({})  # of all packages, noted before any is removed
        self.earlier_lists = FileLists({})  # the ones noted before, as of the packages that were upgraded
        self.is_untouched = True  # no command that changes anything has run yet
        self.available_history: tuple[str, ...] = ()  # see Reference
        self.way: Way | None = None  # through several suites
        self.on_upgraded_base = False  # it goes on in a root that was upgraded before the packages came
        self._distribution, self._next_distribution, self._previous_distribution = options.root.distribution, "", ""
        self.dependencies: Reference | None = None  # when only the dependencies were there, if that is to be known
        self._base_facts = BaseFacts(chroot.base)
        self.reference = Reference(Tree(chroot.base.tree), lambda: self.base.facts)
        self._variables: Mapping[str, str] = {}
        self._tree: Tree | None = None
        self._comparison: Comparison | None = None
        self._packages: Mapping[str, InstalledPackage] | None = None
        self._limits = CommandLimits(options.command_seconds, options.command_output_bytes)

    @property
    def base(self) -> BaseFacts:
        """What is known about the base image."""
        return self._base_facts.wait()

    def continue_in(self, other: Examination) -> None:
        """Go on in the chroot of an examination that has come as far as this one, measured against its base."""
        history = self.reference.available_history
        self.chroot, self.is_untouched, self.on_upgraded_base = other.chroot, False, True
        self._base_facts = other._base_facts
        self.reference = Reference(Tree(other.chroot.base.tree), lambda: self.base.facts, history)
        self.available_history = history
        self._forget()

    @contextmanager
    def measured_against(self, reference: Reference) -> Iterator[None]:
        """Let the block's steps and checks go back to, and compare with, another reference."""
        usual = self.reference
        self.reference, self._comparison = reference, None
        try:
            yield
        finally:
            self.reference, self._comparison = usual, None

    def tree(self) -> Tree:
        """The chroot's present tree; read again after each command."""
        if self._tree is None:
            self._tree = Tree(self.chroot.base.tree, self.chroot.changes())
        return self._tree

    def packages(self) -> Mapping[str, InstalledPackage]:
        """What dpkg knows of at present; asked again after each command."""
        if self._packages is None:
            answer = self.execute(*QUERY, is_query=True)
            self._packages = parse_query(answer.output.decode("utf-8", "surrogateescape"))
        return self._packages

    def comparison(self) -> Comparison:
        """How the chroot differs from the reference now."""
        if self._comparison is None:
            self._comparison = self._difference(self.tree(), self.present_identities())
        return self._comparison

    def comparison_with(self, later: Reference) -> Comparison:
        """How a moment of the test differed from the reference."""
        return self._difference(later.tree, later.identities)

    def _difference(self, tree: Tree, identities: Identities) -> Comparison:
        every_link = not self.options.checks.compat
        return compare(self.reference.tree, tree, self.reference.identities, identities, every_link=every_link)

    def present_state(self) -> Reference:
        """The state of the chroot as it is now, to be compared with later."""
        facts = Facts(
            packages=self.packages(),
            lists=self.present_lists(),
            diversions=parse_diversions(self.chroot.read(DIVERSIONS)),
            identities=self.present_identities(),
        )
        return Reference(self.tree(), lambda: facts, self.available_history)

    def present_lists(self) -> FileLists:
        """Who owns which path now."""
        changes = self.tree().changes
        paths = [
            path for path in changes.before.keys() | changes.after.keys()
            if path.startswith(INFO) and path.endswith(".list")
        ]
        lists = {path.removeprefix(INFO).removesuffix(".list"): self._file_list(path) for path in paths}
        return self.base.facts.lists.updated(lists)

    def _file_list(self, path: str) -> list[str] | None:
        content = self.chroot.read(path)
        return None if content is None else parse_list(content)

    def present_identities(self) -> Identities:
        """The users and groups there are now."""
        return Identities.parse(self.chroot.read("/etc/passwd"), self.chroot.read("/etc/group"))

    def _forget(self) -> None:
        self._tree = self._comparison = self._packages = None

    def set_variables(self, **variables: str) -> None:
        """Give commands these PIUPARTS_* variables instead of those of the step before."""
        self._variables = variables

    def set_out_for(self, distribution: str) -> None:
        """From now on scripts see that the chroot is being upgraded to a suite."""
        self._next_distribution = distribution

    def arrive(self, target_release: str | None) -> None:
        """The chroot is upgraded; `target_release` is what apt-get -t gets now."""
        self._previous_distribution, self._distribution = self._distribution, self._next_distribution
        self._next_distribution = ""
        self.target_release = target_release

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Count the block's duration for a step; what is counted for another one inside it is not counted twice."""
        self.log.step(step)
        self.timings.setdefault(step, 0.0)  # in the order in which they begin
        start = time.monotonic()
        inside = sum(self.timings.values())
        try:
            yield
        finally:
            elapsed = time.monotonic() - start - (sum(self.timings.values()) - inside)
            self.timings[step] += elapsed

    def report(
        self, finding: Finding, *, ends_the_test: bool = False, warning_level: Level = Level.ERROR
    ) -> None:
        """Record a finding and show it; raises TestEnded if it is an error that ends the test."""
        finding = charge(finding, self.chroot, self.lists)
        self.findings.append(finding)
        levels = {Severity.INFO: Level.INFO, Severity.WARNING: warning_level}
        self.log.write(levels.get(finding.severity, Level.ERROR), finding.text)
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
        words = self.log.command_begins(("chroot", self.chroot.root, *argv))
        untouched = self.is_untouched
        if not is_query:
            self._forget()
            self.is_untouched = False
        variables = {**CHROOT_ENVIRONMENT, **self._usual_variables, **self._variables, **environment}
        result = self.chroot.run(argv, env=variables, limits=self._limits, network=network)
        output = self._output(result)
        has_failed = result.stopped_by is not None or (result.status != 0 and not may_fail)
        if has_failed or not is_query:
            self.log.command_output(output)
        if not has_failed:
            self.log.command_ended(words, result.status)
            return result
        fetches = network and not (untouched and self._dpkg_has_begun())
        trouble = farm_trouble(result, output, fetches=fetches, untouched=untouched)
        text = f"Command failed (status={result.status}): {words}\n{output}".rstrip("\n")
        if trouble is not None:
            self.log.error(text)
            raise trouble
        self.report(Finding("commands", Severity.ERROR, text), ends_the_test=True)
        raise AssertionError("an error that ends the test was reported")

    def run_aside(self, argv: Sequence[str], environment: Mapping[str, str], limits: CommandLimits) -> CommandResult:
        """Run a command of a check, with limits of its own; how it ends is the check's business alone."""
        words = self.log.command_begins(("chroot", self.chroot.root, *argv))
        self._forget()
        self.is_untouched = False
        result = self.chroot.run(argv, env=environment, limits=limits)
        self.log.command_output(decode_output(result.output))
        self.log.command_ended(words, result.status)
        return result

    @property
    def _usual_variables(self) -> Mapping[str, str]:
        suites = {
            "PIUPARTS_DISTRIBUTION": self._distribution,
            "PIUPARTS_DISTRIBUTION_NEXT": self._next_distribution,
            "PIUPARTS_DISTRIBUTION_PREV": self._previous_distribution,
        }
        objects = " ".join(package.wanted for package in self.group.packages)
        return {"PIUPARTS_OBJECTS": objects, **{name: suite for name, suite in suites.items() if suite}}

    def _dpkg_has_begun(self) -> bool:
        """Whether code of packages has run since the chroot was as the base is, whatever apt could say of it."""
        return self.chroot.entries([_DPKG_LOG]).get(_DPKG_LOG) != self.chroot.base.tree.get(_DPKG_LOG)

    def _output(self, result: CommandResult) -> str:
        """The command's output, with a word about the limit that ended it."""
        output = decode_output(result.output)
        if result.stopped_by is None:
            return output
        kind = {Limit.OUTPUT: "output", Limit.TIME: "runtime"}.get(result.stopped_by, str(result.stopped_by))
        self.log.error(f"Terminating command due to excessive {kind}")
        if result.status == -signal.SIGKILL and result.stopped_by in (Limit.OUTPUT, Limit.TIME):  # asked first
            self.log.error(f"Killing command due to excessive {kind}")
        limit = {
            Limit.OUTPUT: f"{self._limits.output_bytes / _MEBIBYTE:.2f} MB",
            Limit.TIME: f"{self._limits.seconds:g} s",
            Limit.TEST_TIME: f"{self.options.test_seconds:g} s",
        }.get(result.stopped_by)
        amount = f" ({limit})" if limit else ""
        return f"{output}\n\n***** Command was terminated after exceeding {kind} limit{amount} *****\n"

    def put(self, path: str, content: bytes | BinaryIO, *, mode: int = 0o644) -> None:
        """Write a file into the chroot."""
        self._forget()
        self.chroot.put(path, content, mode=mode)

    def remove(self, path: str) -> None:
        """Remove a file of ours from the chroot; what a package has put in its place is left to the comparison."""
        self._forget()
        with suppress(Refused):
            self.chroot.remove(path)

    def own_files(self) -> Iterator[tuple[str, str]]:
        """The files of the packages under test, as they were noted, each behind its package's name.

        The predecessor knows of none of a Multi-Arch: same package.
        """
        for name in self.own_names():
            for path in self.lists.of(name, every_architecture=not self.options.checks.compat):
                yield name, path

    def files_of_dependencies(self) -> Iterator[tuple[str, str]]:
        """The same of other packages that the test has brought. The predecessor looks at none."""
        if self.options.checks.compat:
            return
        brought = self.installed.keys() - self.reference.packages.keys()
        others = {self.installed[name].plain_name for name in brought} - set(self.own_names())
        for package, paths in sorted(self.lists.lists.items()):
            name = package.partition(":")[0]
            if name in others:
                yield from ((name, path) for path in paths)

    def own_names(self) -> Sequence[str]:
        """The names of the packages under test."""
        return [package.plain_name for package in self.group.packages]
