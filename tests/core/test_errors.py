"""What sort of trouble an error is."""

from __future__ import annotations

import errno

import pytest

from piufarm.archive.errors import BadSignature, FetchError, NotFound
from piufarm.errors import ConfigError, FarmError, InternalError, Unforeseen, trouble_kind
from piufarm.trouble import TroubleKind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FetchError("no route to host"), TroubleKind.NETWORK),
        (NotFound("404"), TroubleKind.MIRROR),
        (BadSignature("bad"), TroubleKind.MIRROR),
        (FarmError("something"), TroubleKind.OTHER),
        (FarmError("something", kind=TroubleKind.CHROOT), TroubleKind.CHROOT),
        (FetchError("something", kind=TroubleKind.TIMEOUT), TroubleKind.TIMEOUT),
        (ConfigError("not ours to judge"), TroubleKind.OTHER),
        (OSError(errno.EACCES, "no"), TroubleKind.OTHER),
        (OSError(errno.EDQUOT, "no more"), TroubleKind.DISK),
    ],
)
def test_each_error_knows_its_kind(error: BaseException, kind: TroubleKind) -> None:
    assert trouble_kind(error) is kind


def test_a_full_disk_is_the_reason_wherever_it_was_noticed() -> None:
    wrapped = FetchError("cannot keep the index")
    wrapped.__cause__ = FarmError("between")
    wrapped.__cause__.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert trouble_kind(wrapped) is TroubleKind.DISK


@pytest.mark.parametrize("error", [KeyError("x"), AssertionError(), RecursionError("too deep"), MemoryError()])
def test_what_nobody_foresaw_becomes_an_internal_error_that_was_told(error: Exception) -> None:
    told: list[str] = []
    with pytest.raises(InternalError) as caught, Unforeseen(told.append):
        raise error
    assert caught.value.__cause__ is error
    assert caught.value.message.startswith(f"internal error: {type(error).__name__}")
    assert [text.partition("\n")[0] for text in told] == ["Traceback (most recent call last):"]


@pytest.mark.parametrize("error", [FarmError("x"), ConfigError("x"), OSError(), KeyboardInterrupt(), SystemExit(1)])
def test_what_was_foreseen_passes_as_it_is(error: BaseException) -> None:
    told: list[str] = []
    with pytest.raises(type(error)) as caught, Unforeseen(told.append):
        raise error
    assert caught.value is error
    assert told == []
