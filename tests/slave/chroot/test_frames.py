"""Frames of the supervisor, read in whatever pieces they come."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.slave.chroot.frames import (
    FrameReader,
    pack_frame,
    pack_list,
    unpack_attributes,
    unpack_entries,
    unpack_list,
)

kinds = st.sampled_from("RPDGXLWTKNUdcwohHE.!")
frames = st.lists(st.tuples(kinds, st.integers(0, 2**32 - 1), st.binary(max_size=300)), max_size=8)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in itertools.pairwise(places)]


@given(frames, st.lists(st.integers(0, 10**6), max_size=20))
def test_frames_come_out_as_they_went_in_whatever_the_pieces(
    sent: list[tuple[str, int, bytes]], cuts: list[int]
) -> None:
    reader = FrameReader()
    data = b"".join(pack_frame(*frame) for frame in sent)
    received = [tuple(frame) for piece in in_pieces(data, cuts) for frame in reader.feed(piece)]
    assert received == sent


@given(st.binary(max_size=100))
def test_a_frame_that_is_not_complete_is_not_handed_out(data: bytes) -> None:
    whole = pack_frame("o", 1, data)
    assert list(FrameReader().feed(whole[:-1])) == [] if data else list(FrameReader().feed(whole)) != []


@given(st.lists(st.binary(max_size=50)))
def test_a_list_of_any_bytes_survives(items: list[bytes]) -> None:
    assert unpack_list(pack_list(*items)) == items
    assert unpack_list(pack_list(*map(os.fsdecode, items))) == items


@given(st.binary(max_size=200))
def test_any_other_payload_is_refused_as_a_value_and_never_as_a_surprise(payload: bytes) -> None:
    for unpack in (
        unpack_list, lambda data: list(unpack_entries(data)), lambda data: list(unpack_attributes(data))
    ):
        try:
            assert isinstance(unpack(payload), list)
        except ValueError:
            assert payload


def test_a_list_that_is_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="cut off"):
        unpack_list(pack_list("whole")[:-1])


@given(st.dictionaries(st.text("ab/é"), st.dictionaries(st.text("xy."), st.binary(max_size=9)), max_size=4))
def test_attributes_survive(attributes: dict[str, dict[str, bytes]]) -> None:
    payload = b"".join(
        pack_list(path, str(len(found)), *(word for pair in found.items() for word in pair))
        for path, found in attributes.items()
    )
    assert dict(unpack_attributes(payload)) == attributes
