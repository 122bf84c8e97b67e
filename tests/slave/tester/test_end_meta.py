from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.state.diversions import DIVERSIONS, Diversion
from piufarm.slave.tester.state.packages import InstalledPackage
from piufarm.slave.tester.upgrades.end_meta import EndMeta, NotEndMeta, read_end_meta, write_end_meta
from tests.slave.tester.memory import SMALL_BASE, bench, file

ODD_NAME = "/usr/share/caf\udce9"


def some_meta() -> EndMeta:
    return EndMeta(
        base_id="abc",
        setting="def",
        selections={"base-files": "12"},
        history=("one", "two"),
        packages=(InstalledPackage("base-files", "13", "install", "installed"),),
        lists={"base-files": ["/etc", "/etc/issue", ODD_NAME]},
        files={"/etc/passwd": b"r\xf6\xf6t:x:0:0::/:\n", "/etc/group": b"root:x:0:\n", DIVERSIONS: b"/a\n/b\nbase\n"},
        removed=("/etc/issue",),
        after={ODD_NAME: Entry(stat.S_IFREG | 0o644, 0, 0, 7, None, 5, 0)},
    )


def packed(content: object) -> bytes:
    data: bytes = zstandard.ZstdCompressor().compress(json.dumps(content).encode())
    return data


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "meta"
    write_end_meta(path, some_meta())
    assert read_end_meta(path) == some_meta()


def test_a_missing_file_is_nothing_to_complain_of(tmp_path: Path) -> None:
    assert read_end_meta(tmp_path / "missing") is None


def test_a_reference_tells_what_the_upgrade_did_to_the_base() -> None:
    base = {"/etc/issue": file("old").entry, "/usr": file().entry}
    reference = some_meta().reference(base)
    assert reference.tree.get("/etc/issue") is None
    assert reference.tree.get("/usr") == base["/usr"]
    assert reference.tree.get(ODD_NAME) == some_meta().after[ODD_NAME]
    assert reference.tree.changes.before == {"/etc/issue": base["/etc/issue"]}
    assert reference.lists.owners(ODD_NAME) == ("base-files",)
    assert reference.packages["base-files"].version == "13"
    assert reference.diversions == (Diversion("/a", "/b", "base"),)
    assert reference.identities.user(0) == "r\udcf6\udcf6t"
    assert reference.available_history == ("one", "two")


def test_a_reference_that_was_kept_is_the_one_that_was_taken(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.chroot.add({"/etc/new": file("x"), "/etc/passwd": file("root:x:0:0::/:\nnew:x:7:7::/:\n")})
    made.chroot.remove("/etc/issue")
    taken = made.examination.present_state()
    base = made.chroot.base
    kept = EndMeta.load(EndMeta.of(taken, made.chroot, base, setting="s").dump()).reference(base.tree)
    assert dict(kept.tree.items()) == dict(taken.tree.items())
    assert kept.packages == taken.packages
    assert kept.lists.lists == taken.lists.lists
    assert kept.diversions == taken.diversions
    assert kept.identities == taken.identities
    assert kept.tree.differences(made.examination.tree()).after == {}


@given(protocol=st.integers(min_value=2, max_value=pickle.HIGHEST_PROTOCOL))
def test_a_file_of_the_predecessor_is_recognised_and_never_unpickled(protocol: int) -> None:
    with pytest.raises(NotEndMeta, match="written by piuparts"):
        EndMeta.load(pickle.dumps({"initial_selections": {}, "tree": SMALL_BASE.keys() & set()}, protocol))


def test_a_file_of_a_later_version_is_refused() -> None:
    with pytest.raises(NotEndMeta, match="another version"):
        EndMeta.load(packed({"format": "piufarm end-meta", "version": 99}))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_was_cut_off_is_refused(share: float) -> None:
    content = some_meta().dump()
    with pytest.raises(NotEndMeta):
        EndMeta.load(content[: int(share * len(content))])


@given(st.binary(max_size=300))
def test_any_other_file_is_refused_and_nothing_else(content: bytes) -> None:
    with pytest.raises(NotEndMeta):
        EndMeta.load(content)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
_FIELDS = tuple(json.loads(zstandard.ZstdDecompressor().decompress(some_meta().dump())))


@given(field=st.sampled_from(_FIELDS), value=_JSON)
def test_a_field_of_the_wrong_kind_is_refused_or_harmless(field: str, value: object) -> None:
    content = json.loads(zstandard.ZstdDecompressor().decompress(some_meta().dump()))
    content[field] = value
    try:
        meta = EndMeta.load(packed(content))
    except NotEndMeta:
        return
    assert EndMeta.load(meta.dump()) == meta
    assert meta.reference({}).packages.keys() == {package.name for package in meta.packages}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FarmError, match="cannot write the reference"):
        write_end_meta(tmp_path / "file" / "meta", some_meta())
    with pytest.raises(FarmError, match="cannot read the reference"):
        read_end_meta(tmp_path)
