"""The supervisor's own reading and writing of frames and lists, against ours."""

from __future__ import annotations

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.run import run
from piufarm.slave.chroot.frames import FrameReader, pack_frame, pack_list
from tests.support.clone import CLONE

FRAMES: Final = CLONE / "slave/chroot/perl/frames.pl"
# Reads frames from stdin in pieces of random sizes and sends each back, lists taken apart and put together again.
ECHO: Final = r"""
srand 7;
open $control_in, '<&', \*STDIN or die;
open $control_out, '>&', \*STDOUT or die;
while (sysread STDIN, my $piece, 1 + int rand 9) {
    $unread .= $piece;
    while (my ($type, $id, $payload) = next_frame()) {
        send_frame($type, $id, $type eq 'L' ? pack_list(unpack_list($payload)) : $payload);
    }
}
"""
frames = st.lists(
    st.one_of(
        st.tuples(st.just("D"), st.integers(0, 2**32 - 1), st.binary(max_size=300)),
        st.tuples(st.just("L"), st.integers(0, 2**32 - 1), st.lists(st.binary(max_size=40), max_size=6).map(
            lambda items: pack_list(*items)
        )),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(frames)
def test_frames_come_through_the_supervisors_code_as_they_are(sent: list[tuple[str, int, bytes]]) -> None:
    words = b"".join(pack_frame(kind, number, payload) for kind, number, payload in sent)
    back = run(["/usr/bin/perl", "-Mstrict", "-e", f"{FRAMES.read_text()}{ECHO}"], input=words).stdout
    received = list(FrameReader().feed(back))
    assert [(frame.kind, frame.number, frame.payload) for frame in received] == sent
