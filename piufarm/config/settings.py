"""Every key of piuparts.conf, in one table: parsing, `piufarm check-config` and the reference derive from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from piufarm.config import defaults
from piufarm.config.defaults import Surroundings
from piufarm.config.kinds import (
    AGE,
    ARCH,
    BACKEND,
    COUNT,
    DISTRO,
    DISTROS,
    DURATION,
    EXPIRY,
    FLAG,
    GLOBS,
    INTEGER,
    KEYRING,
    LOAD,
    MIRROR,
    NETWORK,
    PATH,
    PERIOD,
    POSITIVE,
    PROXY,
    SECTIONS,
    SHARE,
    STATE,
    TEXT,
    URL_PATH,
    WORD,
    WORDS,
    Kind,
)


class Scope(StrEnum):
    """Where a key counts: in [global] alone, or in each section with [global] as its default."""

    FARM = "[global]"
    SECTION = "section"


class Anchor(StrEnum):
    """What a relative path is relative to."""

    HOME = "the home directory of the account"
    SLAVE_SECTION = "<slave-directory>/<section>"


@dataclass(frozen=True)
class Setting:
    """A key. `default` is a text as in the file, None if the key then is not set, or computed.

    `default_text` describes a computed default; `is_new` marks keys that piuparts 1.1.7 does not know.
    """

    key: str
    scope: Scope
    kind: Kind
    default: str | Callable[[Surroundings], str | None] | None
    summary: str
    default_text: str | None = None
    anchor: Anchor = Anchor.HOME
    inherits: bool = True  # [global] gives the default of sections
    is_new: bool = False

    @property
    def attribute(self) -> str:
        """The name of the key's attribute in the model."""
        return self.key.replace("-", "_").lower()

    def default_value_text(self, surroundings: Surroundings) -> str | None:
        """The text that stands in for a missing or empty value; None: not set."""
        return self.default(surroundings) if callable(self.default) else self.default

    def describe_default(self) -> str:
        """The default for people."""
        if self.default_text is not None:
            return self.default_text
        return "not set" if self.default is None else str(self.default) or "empty"


_FARM: Final = Scope.FARM
_SECTION: Final = Scope.SECTION

SETTINGS: Final[tuple[Setting, ...]] = (
    # the farm as a whole
    Setting("sections", _FARM, SECTIONS, "", "sections to process; the first should be sid"),
    Setting("basetgz-sections", _FARM, SECTIONS, "", "more sections, for slaves only, that just keep a base tarball"),
    Setting("master-directory", _FARM, PATH, ".", "where the master keeps its files"),
    Setting("state", _FARM, STATE, defaults.state, "URL of the store with packages, results and reservations",
            "sqlite://<master-directory>/piufarm.sqlite", is_new=True),
    Setting("slave-directory", _FARM, PATH, defaults.slave_directory, "where slaves keep their files",
            "the current directory"),
    Setting("slave-count", _FARM, POSITIVE, "1", "slaves to run on a host"),
    Setting("output-directory", _FARM, PATH, "html", "where the report puts the site"),
    Setting("backup-directory", _FARM, PATH, None, "where copies of the history go; not set: no copies"),
    Setting("web-host", _FARM, WORD, "piuparts.debian.org", "host name of the site, in URLs of the summary"),
    Setting("doc-root", _FARM, URL_PATH, "/", "path of the site below its host"),
    Setting("urlbase", _FARM, WORD, "https://piuparts.debian.org", "URL of the site, for links in mails"),
    Setting("proxy", _FARM, PROXY, None, "proxy for everything that is fetched", "the environment's http_proxy"),
    Setting("PYTHONPATH", _FARM, PATH, None, "read for compatibility; has no effect"),
    Setting("known-problem-directory", _FARM, PATH, defaults.known_problem_directory, "definitions of known problems",
            "those that come with piufarm"),
    Setting("reschedule-untestable-days", _FARM, COUNT, "7", "days after which an untestable package is tried again"),
    Setting("testing-suite", _FARM, DISTRO, None, "the codename of testing, for the daily jobs"),
    # reaching the master
    Setting("master-host", _SECTION, WORD, None, "host that slaves log in to"),
    Setting("master-user", _SECTION, WORD, None, "account that slaves log in to"),
    Setting("master-command", _SECTION, TEXT, None, "remote command; the forced command of authorized_keys is better"),
    # what is tested
    Setting("mirror", _SECTION, MIRROR, None, "archive to test from", "the host's own mirror, from apt's sources"),
    Setting("distro", _SECTION, DISTRO, None, "distro whose packages are tested; None: keep a base tarball only",
            "the last of upgrade-test-distros"),
    Setting("upgrade-test-distros", _SECTION, DISTROS, "", "distros to upgrade through; two or more: an upgrade test"),
    Setting("area", _SECTION, WORD, "main", "archive area that packages are selected from"),
    Setting("components", _SECTION, WORDS, "", "archive areas to enable while testing", "all of the mirror"),
    Setting("arch", _SECTION, ARCH, defaults.native_architecture, "architecture", "the host's, as dpkg names it"),
    Setting("packages", _SECTION, GLOBS, "", "patterns of the package names to test", "all", is_new=True),
    Setting("depends-sections", _SECTION, SECTIONS, "", "sections that are searched for missing dependencies"),
    # trusting the archive
    Setting("archive-keyring", _SECTION, KEYRING, None, "keyring that must have signed the archive; none: unsigned",
            "the host's archive keyrings", is_new=True),
    Setting("check-valid-until", _SECTION, FLAG, defaults.check_valid_until, "refuse expired Release files",
            "what the host's apt is set to", is_new=True),
    Setting("max-shrink", _SECTION, SHARE, "0.2", "share of a section's packages that one refresh may lose",
            is_new=True),
    # running tests
    Setting("piuparts-command", _SECTION, WORDS, "", "command that tests a package", "our own tester, piufarm test"),
    Setting("piuparts-flags", _SECTION, WORDS, "", "options added to the command"),
    Setting("setarch", _SECTION, WORDS, "", "arguments of a setarch command put before the command"),
    Setting("tmpdir", _SECTION, PATH, None, "where chroots are made", "the system's temporary directory"),
    Setting("chroot-backend", _SECTION, BACKEND, defaults.chroot_backend, "how our tester makes chroots",
            "overlay for root, schroot otherwise", is_new=True),
    Setting("network", _SECTION, NETWORK, "apt", "what tests of our tester can reach of the network", is_new=True),
    Setting("strict", _SECTION, FLAG, "no", "our tester fails packages for more than piuparts did", is_new=True),
    Setting("layers-disk", _SECTION, COUNT, "8192", "MB for ready layers of dependencies, of each base; 0: none",
            is_new=True),
    Setting("layers-recheck", _SECTION, COUNT, "50", "each how manyth test on layers is made without them, too",
            is_new=True),
    Setting("chroot-tgz", _SECTION, WORD, None, "file name of the base tarball", "made from the distro's name"),
    Setting("basetgz-directory", _SECTION, PATH, ".", "where base tarballs are", anchor=Anchor.SLAVE_SECTION),
    Setting("chroot-meta-auto", _SECTION, WORD, None, "file that caches metadata of upgraded bases"),
    Setting("chroot-meta-directory", _SECTION, PATH, None, "where that file is", anchor=Anchor.SLAVE_SECTION),
    Setting("max-tgz-age", _SECTION, AGE, "2592000", "age at which a base is made anew; 0 never, -1 not even checked"),
    Setting("min-tgz-retry-delay", _SECTION, DURATION, "21600", "time between two attempts to make a base anew"),
    Setting("keep-sources-list", _SECTION, FLAG, "no", "use the base's own sources.list"),
    # the rhythm of slaves
    Setting("max-reserved", _SECTION, COUNT, "1", "packages that a slave reserves at once; 0 switches the section off"),
    Setting("idle-sleep", _SECTION, DURATION, "300", "pause of a slave when there is nothing to test"),
    Setting("precedence", _SECTION, INTEGER, "1", "order of sections: smaller first, equal ones take turns"),
    Setting("slave-flush-interval", _SECTION, DURATION, "0", "time after which finished logs are sent within a batch"),
    Setting("slave-load-max", _SECTION, LOAD, None, "load above which a slave waits", "off"),
    # the master
    Setting("log-file", _SECTION, WORD, "$SECTION/master.log", "log of a section's sessions, below master-directory",
            "$SECTION/master.log; in [global] (stderr of sessions): master-error.log", inherits=False),
    Setting("reservation-timeout", _SECTION, PERIOD, "172800", "time after which a reservation lapses", is_new=True),
    Setting("reserve-wait", _SECTION, DURATION, "30", "how long `reserve` waits for states being computed",
            is_new=True),
    Setting("lease-timeout", _SECTION, PERIOD, "1800", "time after which a lease that is not renewed lapses",
            is_new=True),
    Setting("max-retries", _SECTION, POSITIVE, "3", "attempts with trouble after which a package is held back",
            is_new=True),
    Setting("refresh-interval", _SECTION, DURATION, "3600", "how often `piufarm master refresh` is run; for `idle`",
            is_new=True),
    # the report
    Setting("description", _SECTION, TEXT, "", "what is tested; a leading or trailing + adds to the default text"),
    Setting("json-sections", _SECTION, WORDS, "default", "names of the section's results in summary.json, or none"),
    Setting("exclude-known-problems", _SECTION, WORDS, "", "known problems that are not looked for"),
    Setting("debug", _SECTION, FLAG, "no", "slaves log more"),
    # the jobs
    Setting("reschedule-old-days", _SECTION, COUNT, "180", "age at which a passed package is tested again"),
    Setting("reschedule-old-count", _SECTION, COUNT, "200", "passed packages tested again at once; 0: none"),
    Setting("expire-old-days", _SECTION, EXPIRY, "0", "age at which a passed log that cannot be renewed goes"),
    Setting("reschedule-fail-days", _SECTION, COUNT, "30", "age at which a failed package is tested again"),
    Setting("reschedule-fail-count", _SECTION, COUNT, "25", "failed packages tested again at once; 0: none"),
    Setting("expire-fail-days", _SECTION, EXPIRY, "0", "age at which a failed log that cannot be renewed goes"),
    Setting("auto-reschedule", _SECTION, FLAG, "yes", "test packages again after a while"),
    Setting("keep-bugged", _SECTION, FLAG, "no", "leave logs with bugs where they are", inherits=False),
)

# Known, and never warned about: production configurations have it, nothing reads it.
IGNORED_KEYS: Final = frozenset({"bts-from"})

GLOBAL_LOG_FILE_DEFAULT: Final = "master-error.log"


def by_key() -> dict[str, Setting]:
    """The settings by key in lower case, as files are read without regard to case."""
    return {setting.key.lower(): setting for setting in SETTINGS}


def absolute(path: Path, setting: Setting, surroundings: Surroundings) -> Path:
    """The path that a relative value of `setting` means."""
    match setting.anchor:
        case Anchor.HOME:
            return surroundings.home / path
        case Anchor.SLAVE_SECTION:
            return surroundings.slave_directory / surroundings.section / path
