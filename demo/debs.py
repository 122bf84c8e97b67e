"""Small .debs made on the spot, byte for byte the same at each build: what the demo and the tests test."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from piufarm.run import clean_environment, run

_EPOCH: Final = "1700000000"  # every member's time: builds of one spec are identical
_SCRIPT_MODE: Final = 0o755


@dataclass(frozen=True)
class Member:
    """A regular file of a package. An owner other than root (uid, gid) can only be given when built as root."""

    content: bytes | str = b""
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class DebSpec:
    """A binary package, described. Paths are absolute ones of the installed system; plain text stands for a Member.

    `scripts` are maintainer scripts (preinst, postinst, prerm, postrm, config); one without `#!` becomes a `sh -e`
    script. `control_files` are further members of the control archive (triggers, templates…), `fields` further
    control fields; `directories` maps a directory to its mode, where it is to exist without files or not be 0755.
    """

    name: str
    version: str = "1"
    architecture: str = "all"
    depends: str = ""
    source: str = ""
    files: Mapping[str, Member | bytes | str] = field(default_factory=dict)
    directories: Mapping[str, int] = field(default_factory=dict)
    symlinks: Mapping[str, str] = field(default_factory=dict)
    conffiles: Sequence[str] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    control_files: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    md5sums: bool = True

    @property
    def file_name(self) -> str:
        """The name of the .deb, without the epoch as usual."""
        return f"{self.name}_{self.version.partition(':')[2] or self.version}_{self.architecture}.deb"

    def members(self) -> dict[str, Member]:
        """The regular files, each as a Member."""
        return {path: item if isinstance(item, Member) else Member(item) for path, item in self.files.items()}


def build(spec: DebSpec, directory: Path) -> Path:
    """Build the .deb into `directory` and return its path; who reads one of an earlier build reads that one on.

    Raises CommandFailed if dpkg-deb refuses the package.
    """
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / spec.file_name
    with tempfile.TemporaryDirectory(prefix=".deb-", dir=directory) as scratch:
        root, deb = Path(scratch) / "root", Path(scratch) / spec.file_name
        root.mkdir(mode=0o755)
        _lay_out(spec, root)
        _write_control(spec, root)
        owned = any(member.owner != (0, 0) for member in spec.members().values())
        ownership = [] if owned else ["--root-owner-group"]
        run(
            ["dpkg-deb", *ownership, "--uniform-compression", "-Zxz", "-z1", "--build", root, deb],
            env=clean_environment(SOURCE_DATE_EPOCH=_EPOCH),
        )
        deb.replace(target)
    return target


def _encoded(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _below(root: Path, path: str) -> Path:
    """Where an installed path lies in the tree under `root`; its parent directory is made."""
    if not path.startswith("/"):
        raise ValueError(f"not an absolute path: {path!r}")
    place = root / path[1:]
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    return place


def _lay_out(spec: DebSpec, root: Path) -> None:
    for path, member in spec.members().items():
        place = _below(root, path)
        place.write_bytes(_encoded(member.content))
        if member.owner != (0, 0):
            os.chown(place, *member.owner)
        place.chmod(member.mode)
    for path, target in spec.symlinks.items():
        _below(root, path).symlink_to(target)
    for directory in [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]:
        directory.chmod(0o755)  # whatever the umask is
    for path, mode in spec.directories.items():
        place = _below(root, path)
        place.mkdir(exist_ok=True)
        place.chmod(mode)


def _control_text(spec: DebSpec) -> str:
    fields = {
        "Package": spec.name,
        "Source": spec.source,
        "Version": spec.version,
        "Architecture": spec.architecture,
        "Maintainer": "Farm Tests <farm@example.org>",
        "Section": "misc",
        "Priority": "optional",
        "Depends": spec.depends,
        "Description": f"{spec.name}, made for a test\n This package does nothing but show how it is tested.",
        **spec.fields,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def _md5sums(spec: DebSpec) -> str:
    lines = [
        f"{hashlib.md5(_encoded(member.content), usedforsecurity=False).hexdigest()}  {path[1:]}\n"
        for path, member in sorted(spec.members().items())
        if path not in spec.conffiles
    ]
    return "".join(lines)


def _write_control(spec: DebSpec, root: Path) -> None:
    control = root / "DEBIAN"
    control.mkdir(mode=0o755)
    texts = {"control": _control_text(spec), "conffiles": "".join(f"{path}\n" for path in spec.conffiles)}
    if spec.md5sums:
        texts["md5sums"] = _md5sums(spec)
    for name, text in {**texts, **spec.control_files}.items():
        if text:
            (control / name).write_text(text)
            (control / name).chmod(0o644)
    for name, text in spec.scripts.items():
        (control / name).write_text(text if text.startswith("#!") else f"#!/bin/sh\nset -e\n{text.rstrip()}\n")
        (control / name).chmod(_SCRIPT_MODE)
    control.chmod(0o755)
