"""Signing keys for archives that live as long as a demo or a test; no agent is left running."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from piufarm.run import Completed, clean_environment, run

_UNATTENDED: Final = ("--batch", "--no-tty", "--quiet", "--yes", "--pinentry-mode", "loopback", "--passphrase", "")

_OWNER: Final = "Loopback Archive <archive@example.org>"


class SigningKey:
    """A fresh OpenPGP key in a GnuPG home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        if not (home / "pubring.kbx").exists():
            home.mkdir(parents=True, exist_ok=True)
            home.chmod(0o700)
            with self._agent() as short:
                self._gpg(short, "--quick-generate-key", _OWNER, "ed25519", "sign", "0")

    def public_keyring(self) -> bytes:
        """The public key, in the binary form that apt and gpgv read as a keyring file."""
        with self._agent() as short:
            return self._gpg(short, "--export").stdout

    def sign(self, text: bytes) -> tuple[bytes, bytes]:
        """The text with an inline signature (InRelease) and a detached signature of it (Release.gpg)."""
        with self._agent() as short:
            inline = self._gpg(short, "--digest-algo", "SHA512", "--clearsign", input=text).stdout
            detached = self._gpg(short, "--digest-algo", "SHA512", "--armor", "--detach-sign", input=text).stdout
        return inline, detached

    @contextmanager
    def _agent(self) -> Iterator[Path]:
        """A short path to the home (the agent's socket lies in it and has 107 bytes); at the end the agent is gone."""
        with tempfile.TemporaryDirectory(prefix="gpg-") as scratch:
            short = Path(scratch) / "home"
            short.symlink_to(self.home.absolute())
            try:
                yield short
            finally:
                run(["gpgconf", "--homedir", short, "--kill", "all"], check=False)

    def _gpg(self, home: Path, *words: str, input: bytes = b"") -> Completed:
        return run(["gpg", "--homedir", home, *_UNATTENDED, *words], input=input, env=clean_environment(TZ="UTC"))


def merged_keyring(keyrings: Iterable[Path]) -> bytes:
    """One binary keyring with the keys of all these, armored ones decoded."""
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        quiet = ["gpg", "--homedir", home, "--batch", "--quiet", "--no-autostart", "--no-default-keyring"]
        target = Path(home) / "merged.gpg"
        target.write_bytes(b"")
        run([*quiet, "--keyring", target, "--import", *keyrings])
        return run([*quiet, "--keyring", target, "--export"]).stdout
