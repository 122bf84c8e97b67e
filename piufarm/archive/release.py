"""Release files: fetched, verified by gpgv, checked for date and suite; they vouch for every index.

The format is that of https://wiki.debian.org/DebianRepository/Format.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from piufarm.archive.errors import Expired, MalformedFile, NotFound, Unsigned, WrongSuite
from piufarm.archive.fetch import Fetcher
from piufarm.archive.signature import verify_clearsigned, verify_detached
from piufarm.archive.trust import Trust

_BYTES_MAX: Final = 32 * 1024 * 1024
_CLOCK_TOLERANCE: Final = timedelta(hours=1)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_FIELDS: Final = ("Suite", "Codename", "Date", "Valid-Until", "Acquire-By-Hash", "SHA256")
_SIGNED_HEADER: Final = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE_HEADER: Final = b"-----BEGIN PGP SIGNATURE-----"


class ListedFile(NamedTuple):
    """A line of a Release file's SHA256 table."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Release:
    """A verified Release file."""

    uri: str  # without trailing slash
    distribution: str  # the path below dists/
    suite: str | None
    codename: str | None
    date: datetime | None
    valid_until: datetime | None
    by_hash: bool
    files: Mapping[str, ListedFile]  # by path below dists/<distribution>/
    digest: str  # SHA-256 of the signed text: changes whenever the archive does

    def url(self, name: str) -> str:
        """Where a file listed here is."""
        return f"{self.uri}/dists/{self.distribution}/{name}"


def fetch_release(
    uri: str, distribution: str, *, trust: Trust, fetcher: Fetcher, now: datetime | None = None
) -> Release:
    """Fetch and verify `<uri>/dists/<distribution>/InRelease`, or Release with Release.gpg.

    Raises FetchError, Unsigned, BadSignature, Expired, WrongSuite, MalformedFile.
    """
    base = f"{uri.rstrip('/')}/dists/{distribution}"
    text = _verified_text(base, trust, fetcher)
    release = _parse(text, uri.rstrip("/"), distribution)
    _check_suite(release, base)
    if trust.check_valid_until:
        _check_dates(release, base, now or datetime.now(UTC))
    return release


def _verified_text(base: str, trust: Trust, fetcher: Fetcher) -> bytes:
    url = f"{base}/InRelease"
    try:
        signed = fetcher.get(url, max_bytes=_BYTES_MAX)
    except NotFound:
        return _detached_text(base, trust, fetcher)
    if trust.unsigned:
        return _without_armor(signed)
    if _SIGNED_HEADER not in signed:
        raise Unsigned(f"{url} is not signed", hint="`archive-keyring = none` accepts unsigned archives")
    return verify_clearsigned(signed, trust.keyrings, what=url)


def _detached_text(base: str, trust: Trust, fetcher: Fetcher) -> bytes:
    url = f"{base}/Release"
    text = fetcher.get(url, max_bytes=_BYTES_MAX)
    if not trust.unsigned:
        try:
            signature = fetcher.get(f"{url}.gpg", max_bytes=_BYTES_MAX)
        except NotFound as error:
            raise Unsigned(f"{url} is not signed", hint="`archive-keyring = none` accepts unsigned archives") from error
        verify_detached(text, signature, trust.keyrings, what=url)
    return text


def _without_armor(signed: bytes) -> bytes:
    """The text of a clear-signed file, its signature left unchecked."""
    if not signed.startswith(_SIGNED_HEADER):
        return signed
    _, _, rest = signed.replace(b"\r\n", b"\n").partition(b"\n\n")
    return rest.partition(_SIGNATURE_HEADER)[0]


def _parse(text: bytes, uri: str, distribution: str) -> Release:
    import apt_pkg

    url = f"{uri}/dists/{distribution}/Release"
    try:
        section = apt_pkg.TagSection(text.strip() + b"\n", bytes=True)
    except (ValueError, apt_pkg.Error, SystemError) as error:
        raise MalformedFile(f"{url} cannot be parsed: {error}", hint="is this the archive's root?") from error
    # looked up one by one: keys() of python-apt kills the process if any name in the file is not UTF-8
    fields = {name: section[name].decode("utf-8", "replace") for name in _FIELDS if name in section}
    return Release(
        uri=uri,
        distribution=distribution,
        suite=fields.get("Suite"),
        codename=fields.get("Codename"),
        date=_time(fields, "Date", url),
        valid_until=_time(fields, "Valid-Until", url),
        by_hash=fields.get("Acquire-By-Hash", "").strip().lower() == "yes",
        files=_listed_files(fields.get("SHA256", ""), url),
        digest=hashlib.sha256(text).hexdigest(),
    )


def _time(fields: Mapping[str, str], name: str, url: str) -> datetime | None:
    if name not in fields:
        return None
    try:
        moment = parsedate_to_datetime(fields[name].strip())
    except ValueError as error:
        raise MalformedFile(f"{url}: {name} is no date: {fields[name][:60]!r}", hint="try another mirror") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _listed_files(table: str, url: str) -> Mapping[str, ListedFile]:
    files = {}
    for line in table.splitlines():
        words = line.split()
        if not words:
            continue
        if len(words) != 3 or not _SHA256.fullmatch(words[0]) or not words[1].isdecimal() or len(words[1]) > 15:
            raise MalformedFile(f"{url}: no line of a SHA256 table: {line.strip()[:80]!r}", hint="try another mirror")
        files[words[2]] = ListedFile(int(words[1]), words[0])
    if not files:
        raise MalformedFile(f"{url} lists no SHA256 sums", hint="the archive is too old or not complete")
    return files


def _check_suite(release: Release, base: str) -> None:
    names = {name for name in (release.suite, release.codename) if name}
    asked = release.distribution
    if names and asked not in names and asked.partition("/")[0] not in names:
        raise WrongSuite(
            f"{base} describes {' or '.join(sorted(names))} and not {asked}", hint="check the mirror and the distro"
        )


def _check_dates(release: Release, base: str, now: datetime) -> None:
    hint = "the mirror lags, or a clock is wrong; `check-valid-until = no` accepts it"
    if release.valid_until is not None and release.valid_until < now:
        raise Expired(f"{base} expired at {release.valid_until:%Y-%m-%d %H:%M} UTC", hint=hint)
    if release.date is not None and release.date > now + _CLOCK_TOLERANCE:
        raise Expired(f"{base} is dated in the future: {release.date:%Y-%m-%d %H:%M} UTC", hint=hint)
