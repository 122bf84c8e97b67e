"""Verifying OpenPGP signatures with gpgv: the signed text comes out, or an error that says what is wrong."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from piufarm.archive.errors import ArchiveError, BadSignature
from piufarm.run import Completed, run

_ARMOR: Final = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\s*?\r?\n(?P<body>.*?)-----END", re.DOTALL
)
_KEYBOX_MAGIC: Final = b"KBXf"  # at offset 8 of the files that gpg 2 keeps its keys in
_TIMEOUT_SECONDS: Final = 120.0
# as https://github.com/gpg/gnupg/blob/master/doc/DETAILS describes them
_REASONS: Final = {
    "EXPKEYSIG": "the key has expired",
    "EXPSIG": "the signature has expired",
    "REVKEYSIG": "the key was revoked",
    "NO_PUBKEY": "made with a key that is not in the keyrings",
    "ERRSIG": "cannot be checked",
    "BADSIG": "the content was changed",
    "NODATA": "there is no signature",
}


def verify_clearsigned(signed: bytes, keyrings: Sequence[Path], *, what: str) -> bytes:
    """The text inside a clear-signed file (and nothing that stands around it). Raises BadSignature."""
    with _workspace() as directory:
        message, text = directory / "signed", directory / "text"
        message.write_bytes(signed)
        _verify(directory, keyrings, ["--output", str(text), str(message)], what)
        return text.read_bytes()


def verify_detached(content: bytes, signature: bytes, keyrings: Sequence[Path], *, what: str) -> None:
    """Check a file against its detached signature. Raises BadSignature."""
    with _workspace() as directory:
        message, detached = directory / "content", directory / "signature"
        message.write_bytes(content)
        detached.write_bytes(signature)
        _verify(directory, keyrings, [str(detached), str(message)], what)


@contextmanager
def _workspace() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="piufarm-gpgv-") as name:
            yield Path(name)
    except OSError as error:
        raise ArchiveError(f"cannot check a signature: {error}", hint="check the temporary directory") from error


def _verify(directory: Path, keyrings: Sequence[Path], operands: Sequence[str], what: str) -> None:
    options = [word for keyring in _usable_keyrings(directory, keyrings) for word in ("--keyring", str(keyring))]
    if not options:
        raise BadSignature(f"there is no key to verify {what} with", hint=_hint(keyrings))
    # --homedir: neither keys nor options of the account play a part
    command = ["gpgv", "--homedir", str(directory), "--status-fd", "1", "--weak-digest", "SHA1", *options, *operands]
    result = run(command, check=False, timeout_seconds=_TIMEOUT_SECONDS)
    words = _status_words(result)
    # One good signature is enough, for an archive may sign with a key that is newer than this host. A bad one
    # means that somebody changed the content. GOODSIG excludes expired and revoked keys, VALIDSIG does not.
    if "GOODSIG" in words and "VALIDSIG" in words and "BADSIG" not in words:
        return
    reasons = [reason for word, reason in _REASONS.items() if word in words]
    detail = ", ".join(reasons) or result.stderr.decode("utf-8", "replace").strip() or f"gpgv status {result.status}"
    raise BadSignature(f"bad signature of {what}: {detail}", hint=_hint(keyrings))


def _status_words(result: Completed) -> frozenset[str]:
    lines = result.stdout.decode("utf-8", "replace").splitlines()
    return frozenset(words[1] for words in map(str.split, lines) if len(words) > 1 and words[0] == "[GNUPG:]")


def _hint(keyrings: Sequence[Path]) -> str:
    tried = ", ".join(str(keyring) for keyring in keyrings[:3]) + (", …" if len(keyrings) > 3 else "")
    return f"tried {tried or 'no keyring'}; `archive-keyring` names the right one, or none to go without"


def _usable_keyrings(directory: Path, keyrings: Sequence[Path]) -> Iterator[Path]:
    """gpgv reads binary keyrings and keyboxes: armored ones are decoded, and all binary ones become one file."""
    binary = bytearray()
    for keyring in keyrings:
        content = _read_keyring(keyring)
        if content[8:12] == _KEYBOX_MAGIC:
            yield keyring.absolute()
        else:
            binary += _dearmored(content, keyring) if b"-----BEGIN PGP" in content else content
    if binary:
        merged = directory / "keyring.gpg"
        merged.write_bytes(binary)
        yield merged


def _read_keyring(keyring: Path) -> bytes:
    try:
        return keyring.read_bytes()
    except OSError as error:
        raise BadSignature(
            f"cannot read the keyring {keyring}: {error.strerror}", hint="correct `archive-keyring`"
        ) from error


def _dearmored(content: bytes, keyring: Path) -> bytes:
    keys = bytearray()
    for block in _ARMOR.finditer(content):
        # the line that begins with = is a checksum, which gpg itself no longer insists on
        lines = [line.strip() for line in block["body"].splitlines() if not line.startswith(b"=")]
        try:
            keys += base64.b64decode(b"".join(lines), validate=True)
        except binascii.Error as error:
            raise BadSignature(f"the keyring {keyring} is damaged: {error}", hint="install it anew") from error
    return bytes(keys)
