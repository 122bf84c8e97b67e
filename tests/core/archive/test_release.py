"""Release files: who signed them, how old they are, what they vouch for."""

from __future__ import annotations

import base64
import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from demo.archive import SignedArchive
from demo.keys import SigningKey
from piufarm.archive.errors import (
    ArchiveError,
    BadSignature,
    Expired,
    MalformedFile,
    NotFound,
    Unsigned,
    WrongSuite,
)
from piufarm.archive.fetch import Fetcher
from piufarm.archive.release import Release, fetch_release
from piufarm.archive.trust import Trust, section_trust
from piufarm.config.load import load
from piufarm.errors import FarmError
from piufarm.names import SectionName
from piufarm.run import run
from tests.core.archive.handmade import INDEX, HandmadeArchive, digest, paragraph

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
UNSIGNED = Trust((), unsigned=True)


def fetched(archive: HandmadeArchive, trust: Trust) -> Release:
    """The archive's Release file as of NOW."""
    return fetch_release(archive.url, archive.suite, trust=trust, fetcher=Fetcher(), now=NOW)


def test_a_signed_release_tells_what_is_in_the_archive(archive: HandmadeArchive, trust: Trust) -> None:
    archive.fields |= {"Date": "Fri, 01 May 2026 10:00:00 UTC", "Valid-Until": "Fri, 08 May 2026 10:00:00 UTC"}
    archive.publish(paragraph("hello"), by_hash=True)
    release = fetched(archive, trust)
    assert (release.suite, release.codename, release.by_hash) == ("unstable", "sid", True)
    assert release.date == datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
    assert release.valid_until == datetime(2026, 5, 8, 10, 0, tzinfo=UTC)
    assert release.files[INDEX] == (len(paragraph("hello")), digest(paragraph("hello").encode()))


def test_the_digest_changes_exactly_when_the_text_does(archive: HandmadeArchive, trust: Trust) -> None:
    archive.publish(paragraph("hello"))
    first = fetched(archive, trust).digest
    archive.publish(paragraph("hello"))  # signed anew, the same text
    assert fetched(archive, trust).digest == first
    archive.publish(paragraph("hello", "2"))
    assert fetched(archive, trust).digest != first


def test_a_detached_signature_will_do(archive: HandmadeArchive, trust: Trust) -> None:
    archive.publish(paragraph("hello"))
    assert archive.key is not None
    text = b"Suite: sid\nSHA256:\n " + digest(b"x").encode() + b" 1 main/x\n"
    (archive.directory / "InRelease").unlink()
    (archive.directory / "Release").write_bytes(text)
    with pytest.raises(Unsigned) as caught:
        fetched(archive, trust)
    assert "archive-keyring = none" in str(caught.value.hint)
    (archive.directory / "Release.gpg").write_bytes(archive.key.sign(text)[1])
    assert fetched(archive, trust).files["main/x"] == (1, digest(b"x"))
    (archive.directory / "Release").write_bytes(text + b"\n")
    with pytest.raises(BadSignature):
        fetched(archive, trust)


def test_an_unsigned_archive_is_refused_unless_the_section_says_so(unsigned: HandmadeArchive, trust: Trust) -> None:
    unsigned.publish(paragraph("hello"))
    with pytest.raises(Unsigned):
        fetched(unsigned, trust)
    assert fetched(unsigned, UNSIGNED).codename == "sid"
    (unsigned.directory / "Release").rename(unsigned.directory / "InRelease")
    with pytest.raises(Unsigned):
        fetched(unsigned, trust)
    assert fetched(unsigned, UNSIGNED).codename == "sid"


def test_without_verification_the_text_is_the_same_as_with_it(archive: HandmadeArchive, trust: Trust) -> None:
    archive.publish(paragraph("hello"))
    assert replace(fetched(archive, UNSIGNED), digest="") == replace(fetched(archive, trust), digest="")


def test_a_changed_text_is_refused(archive: HandmadeArchive, trust: Trust) -> None:
    archive.publish(paragraph("hello"))
    file = archive.directory / "InRelease"
    file.write_bytes(file.read_bytes().replace(b"unstable", b"Unstable"))
    with pytest.raises(BadSignature, match="the content was changed"):
        fetched(archive, trust)


def test_text_around_the_signed_part_is_not_believed(archive: HandmadeArchive, trust: Trust) -> None:
    archive.publish(paragraph("hello"))
    file = archive.directory / "InRelease"
    evil = b"Codename: evil\nSHA256:\n " + digest(b"evil").encode() + b" 4 evil\n\n"
    signed = file.read_bytes()
    for content in (evil + signed, signed + evil):
        file.write_bytes(content)
        try:
            release = fetched(archive, trust)
        except ArchiveError:
            continue
        assert "evil" not in release.files
        assert release.codename == "sid"


def test_a_signature_by_somebody_else_is_refused(archive: HandmadeArchive, tmp_path: Path) -> None:
    archive.publish(paragraph("hello"))
    other = tmp_path / "other.gpg"
    other.write_bytes(SigningKey(tmp_path / "other").public_keyring())
    with pytest.raises(BadSignature, match="not in the keyrings") as caught:
        fetched(archive, Trust((other,)))
    assert str(other) in str(caught.value.hint)


def test_a_key_that_has_expired_vouches_for_nothing(unsigned: HandmadeArchive, tmp_path: Path) -> None:
    unsigned.publish(paragraph("hello"))
    keyring = tmp_path / "expired.gpg"
    with TemporaryDirectory() as home:  # short: the agent's socket lies in it
        gpg = ["gpg", "--homedir", home, "--batch", "--passphrase", "", "--faked-system-time"]
        run([*gpg, "20200101T000000", "--quick-generate-key", "old@example.org", "ed25519", "sign", "1d"])
        signed = run([*gpg, "20200101T010000", "--clearsign"], input=(unsigned.directory / "Release").read_bytes())
        keyring.write_bytes(run([*gpg, "20200101T010000", "--export"]).stdout)
        run(["gpgconf", "--homedir", home, "--kill", "all"])
    (unsigned.directory / "InRelease").write_bytes(signed.stdout)
    with pytest.raises(BadSignature, match="the key has expired"):
        fetched(unsigned, Trust((keyring,)))


def test_no_key_at_all_trusts_nobody(archive: HandmadeArchive, tmp_path: Path) -> None:
    archive.publish(paragraph("hello"))
    with pytest.raises(BadSignature, match="there is no key"):
        fetched(archive, Trust(()))
    with pytest.raises(BadSignature, match="cannot read the keyring"):
        fetched(archive, Trust((tmp_path / "nowhere.gpg",)))


def test_an_armored_keyring_works_and_a_damaged_one_is_refused(
    archive: HandmadeArchive, keyring: Path, tmp_path: Path
) -> None:
    archive.publish(paragraph("hello"))
    body = "\n".join(textwrap.wrap(base64.b64encode(keyring.read_bytes()).decode(), 64))
    armored = tmp_path / "key.asc"
    begin, end = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
    for header in ("\n", "Version: 1\nComment: a key\n\n"):
        armored.write_text(f"{begin}\n{header}{body}\n=AbCd\n{end}\n")
        assert fetched(archive, Trust((armored,))).codename == "sid"
    armored.write_text(f"{begin}\n\n{body[:-7]}*\n{end}\n")
    with pytest.raises(BadSignature, match="damaged"):
        fetched(archive, Trust((armored,)))


def test_one_good_signature_among_several_keyrings_is_enough(
    archive: HandmadeArchive, keyring: Path, tmp_path: Path
) -> None:
    archive.publish(paragraph("hello"))
    other = tmp_path / "other.gpg"
    other.write_bytes(SigningKey(tmp_path / "other").public_keyring())
    assert fetched(archive, Trust((other, keyring))).codename == "sid"


def test_a_keybox_is_a_keyring_too(archive: HandmadeArchive, signing_key: SigningKey) -> None:
    archive.publish(paragraph("hello"))
    assert fetched(archive, Trust((signing_key.home / "pubring.kbx",))).codename == "sid"


def test_an_expired_release_is_refused_unless_the_check_is_off(archive: HandmadeArchive, trust: Trust) -> None:
    archive.fields["Valid-Until"] = "Fri, 01 May 2026 11:59:00 UTC"
    archive.publish(paragraph("hello"))
    with pytest.raises(Expired) as caught:
        fetched(archive, trust)
    assert "check-valid-until" in str(caught.value.hint)
    assert fetched(archive, replace(trust, check_valid_until=False)).codename == "sid"


def test_a_release_from_the_future_is_refused(archive: HandmadeArchive, trust: Trust) -> None:
    archive.fields["Date"] = "Fri, 01 May 2026 14:00:00 UTC"
    archive.publish(paragraph("hello"))
    with pytest.raises(Expired, match="future"):
        fetched(archive, trust)


@pytest.mark.parametrize(
    ("asked", "fields", "fits"),
    [
        ("sid", {"Suite": "unstable", "Codename": "sid"}, True),
        ("unstable", {"Suite": "unstable", "Codename": "sid"}, True),
        ("buster/updates", {"Suite": "oldstable", "Codename": "buster"}, True),
        ("sid", {"Origin": "nobody"}, True),
        ("sid", {"Suite": "stable", "Codename": "trixie"}, False),
        ("trixie", {"Suite": "trixie-updates"}, False),
    ],
)
def test_the_suite_must_be_the_one_that_was_asked_for(
    unsigned: HandmadeArchive, asked: str, fields: dict[str, str], fits: bool
) -> None:
    unsigned.suite, unsigned.fields = asked, fields
    unsigned.publish(paragraph("hello"))
    if fits:
        assert fetched(unsigned, UNSIGNED).distribution == asked
    else:
        with pytest.raises(WrongSuite):
            fetched(unsigned, UNSIGNED)


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "Suite: sid\n", "Suite: sid\nSHA256:\n zz 1 x\n", "Suite: sid\nDate: soon\nSHA256:\n",
        f"Suite: sid\nSHA256:\n {'0' * 64} -1 x\n", f"Suite: sid\nSHA256:\n {'0' * 64} 1 x y\n",
        f"Suite: sid\nSHA256:\n {'0' * 64} 99999999999999999 x\n", "Suite: sid\nMD5Sum:\n aa 1 x\n",
    ],
)
def test_a_release_that_says_nothing_sensible_is_refused(unsigned: HandmadeArchive, text: str) -> None:
    unsigned.write_release_text(text)
    with pytest.raises(MalformedFile) as caught:
        fetched(unsigned, UNSIGNED)
    assert caught.value.hint


def test_a_missing_suite_is_not_found(archive: HandmadeArchive, trust: Trust) -> None:
    with pytest.raises(NotFound):
        fetched(archive, trust)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(content=b"0 :")
@example(content=b"Suit\xe9: sid\n")  # killed the process once
@given(content=st.binary(max_size=300) | st.text(alphabet="SHA256: \nDate,Valid-Until0", max_size=200).map(str.encode))
def test_any_bytes_are_a_release_or_refused(unsigned: HandmadeArchive, content: bytes) -> None:
    unsigned.directory.mkdir(parents=True, exist_ok=True)
    (unsigned.directory / "InRelease").write_bytes(content)
    try:
        release = fetched(unsigned, UNSIGNED)
    except ArchiveError as error:
        assert isinstance(error, FarmError)
    else:
        assert release.files


def test_the_demo_archive_passes_and_each_damage_of_it_is_refused(signed_archive: SignedArchive) -> None:
    signed_archive.publish("sid", [])
    trust = Trust((signed_archive.keyring,))
    url = f"file://{signed_archive.www}"
    fetcher = Fetcher()
    assert fetch_release(url, "sid", trust=trust, fetcher=fetcher).suite == "sid"
    signed_archive.tamper("sid")
    with pytest.raises(BadSignature):
        fetch_release(url, "sid", trust=trust, fetcher=fetcher)
    signed_archive.strip_signature("sid")
    with pytest.raises(Unsigned):
        fetch_release(url, "sid", trust=trust, fetcher=fetcher)
    signed_archive.expire("sid")
    with pytest.raises(Expired):
        fetch_release(url, "sid", trust=trust, fetcher=fetcher)


def test_the_trust_of_a_section_comes_from_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "piuparts.conf"
    file.write_text(
        "[global]\ncheck-valid-until = yes\n[host]\n[own]\narchive-keyring = /keys/own.gpg\n"
        "[open]\narchive-keyring = none\ncheck-valid-until = no\n"
    )
    sections = load(file).sections
    assert section_trust(sections[SectionName("own")]) == Trust((Path("/keys/own.gpg"),))
    assert section_trust(sections[SectionName("open")]) == Trust((), unsigned=True, check_valid_until=False)
    of_host = section_trust(sections[SectionName("host")])
    assert of_host.keyrings
    assert not of_host.unsigned
