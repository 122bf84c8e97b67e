"""A directory with .debs and nothing but a list of them, as people make for packages that no archive has."""

from __future__ import annotations

import hashlib
from pathlib import Path

from demo.debs import DebSpec, build
from piufarm.run import run


def publish_flat(directory: Path, *specs: DebSpec) -> None:
    """Build the packages there, and make them what the list names; others that lie there are not in it."""
    paragraphs = []
    for spec in specs:
        deb = build(spec, directory)
        control = run(["dpkg-deb", "--field", deb]).stdout.decode()
        content = deb.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        paragraphs.append(f"{control}Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {digest}\n")
    (directory / "Packages").write_text("\n".join(paragraphs))
