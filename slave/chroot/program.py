"""The Perl texts of perl/ as programs, and how they reach an interpreter: over its stdin, before the first frame.

So neither a process list nor the system's log, where schroot notes command lines, is filled with them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "perl"
_SUPERVISOR: Final = (
    "kernel", "range", "frames", "files", "attributes", "processes", "commands", "terminal", "relay", "filter", "trace",
    "main", "launch",
)

STUB: Final = """\
sub take {
    my ($size, $taken) = ($_[0], '');
    while (length $taken < $size) { sysread STDIN, $taken, $size - length $taken, length $taken or exit 1 }
    return $taken;
}
my ($size, $stub_size) = unpack 'N N', take(8);
my $text = take($size);
our $stub = take($stub_size);
eval $text;
die $@ if $@;
"""


@cache
def supervisor_program() -> bytes:
    """Launcher and first process of a test, to be run by the host's perl as root."""
    text = "\n".join(f'# line 1 "{name}.pl"\n{(_FOLDER / f"{name}.pl").read_text()}' for name in _SUPERVISOR)
    return _framed(text)


@cache
def enter_program() -> bytes:
    """What leaves a schroot and starts the program that follows on stdin with the host's perl."""
    return _framed(f'# line 1 "enter.pl"\n{(_FOLDER / "enter.pl").read_text()}')


def _framed(text: str) -> bytes:
    """As STUB reads it: two lengths, the program, and STUB itself for a program that starts another."""
    program, stub = text.encode(), STUB.encode()
    return len(program).to_bytes(4, "big") + len(stub).to_bytes(4, "big") + program + stub
