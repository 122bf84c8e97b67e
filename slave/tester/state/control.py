"""Control files of packages: what a .deb declares, and a .deb that only declares something."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError

_AR_MAGIC: Final = b"!<arch>\n"


def control_of(deb: Path) -> Mapping[str, str]:
    """The control fields of a .deb. Raises FarmError if the file, which was readable before, is not any more."""
    import apt_inst
    import apt_pkg

    try:
        return dict(apt_pkg.TagSection(apt_inst.DebFile(str(deb)).control.extractdata("control")))
    except (apt_pkg.Error, LookupError, SystemError) as error:
        raise FarmError(f"cannot read {deb} again: {error}") from error


def parse_controls(output: str) -> list[Mapping[str, str]]:
    """The fields of each record that `apt-cache show` prints; folded lines are joined."""
    records: list[Mapping[str, str]] = []
    for record in output.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in record.split("\n"):
            if line[:1] in (" ", "\t"):
                fields[name] = fields.get(name, "") + line
            else:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        if "Package" in fields:
            records.append(fields)
    return records


def relations(fields: Mapping[str, str], *names: str) -> list[str]:
    """The clauses of these fields, such as `a (>= 1) | b`, in order."""
    clauses = (clause.strip() for name in names for clause in fields.get(name, "").split(","))
    return [clause for clause in clauses if clause]


def empty_deb(fields: Mapping[str, str]) -> bytes:
    """A .deb that installs no file."""
    control = "".join(f"{name}: {value}\n" for name, value in fields.items()).encode()
    members = (
        ("debian-binary", b"2.0\n"),
        ("control.tar", _tar([("./control", control)])),
        ("data.tar", _tar([])),
    )
    return _AR_MAGIC + b"".join(_ar_member(name, content) for name, content in members)


def _ar_member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)


def _tar(files: Sequence[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        top = tarfile.TarInfo("./")
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(top)
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()
