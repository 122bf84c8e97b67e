"""A person who talks to a shell in a chroot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.terminal import Terminal
from piufarm.slave.tester.inspection import SHELL
from tests.slave.chroot.conftest import Opener


class Typist(Terminal):
    """Types what it was given, more when it sees `ready`, and remembers what it saw."""

    def __init__(self, text: bytes, more: bytes = b"", resized_to: tuple[int, int] | None = None) -> None:
        self._read, write = os.pipe()
        os.write(write, text)
        self._write = write
        self._size = (33, 77)
        self._more = more
        self._resized_to = resized_to
        self.seen = b""

    def size(self) -> tuple[int, int]:
        return self._size

    def fileno(self) -> int:
        return self._read

    def typed(self) -> bytes:
        return os.read(self._read, 4096)

    def show(self, output: bytes) -> None:
        self.seen += output
        if b"ready\r\n" in self.seen and self._more:
            os.write(self._write, self._more)
            self._more = b""

    @contextmanager
    def lent(self, resized: Callable[[], None]) -> Iterator[None]:
        if self._resized_to is not None:
            self._size = self._resized_to
            resized()
        try:
            yield
        finally:
            os.close(self._read)
            os.close(self._write)

    def shows(self, words: str) -> bool:
        """Whether a line, perhaps behind a prompt, is these words."""
        return any(line.endswith(words) for line in self.seen.decode(errors="replace").split("\r\n"))


def test_a_shell_has_a_terminal_of_the_persons_size(opener: Opener) -> None:
    typist = Typist(b"tty; stty size; echo $((20 + 3)); exit\n")
    with opener() as chroot:
        chroot.converse(SHELL, env=CHROOT_ENVIRONMENT, terminal=typist)
    assert typist.shows("33 77")
    assert typist.shows("23")
    assert typist.shows("/dev/pts/0")


def test_keys_are_signals_there_and_a_new_size_is_noticed(opener: Opener) -> None:
    # no other command at that moment: a shell that is just about to start one can lose the signal
    script = b"stty -echo; trap 'echo caught; stty size; exit' INT; echo ready; read key\n"
    typist = Typist(script, b"\x03\n", resized_to=(10, 20))
    with opener() as chroot:
        chroot.converse(("/bin/sh",), env=CHROOT_ENVIRONMENT, terminal=typist)
        assert chroot.run(["true"], env=CHROOT_ENVIRONMENT).status == 0, "the chroot goes on"
    assert typist.shows("caught")
    assert typist.shows("10 20")


def test_whoever_talks_there_has_no_more_rights_than_a_script(opener: Opener) -> None:
    typist = Typist(b"stty -echo; grep ^CapEff /proc/self/status; mount -t tmpfs x /mnt && echo moun''ted; exit\n")
    with opener() as chroot:
        usual = chroot.run(["grep", "^CapEff", "/proc/self/status"], env=CHROOT_ENVIRONMENT).output.decode().strip()
        chroot.converse(("/bin/sh",), env=CHROOT_ENVIRONMENT, terminal=typist)
    assert typist.shows(usual)
    assert not typist.shows("mounted")
