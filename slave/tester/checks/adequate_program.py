"""The host's adequate as one file that runs in any chroot.

It looks at a root by going into it and running programs there (ldd runs whatever loader a binary names), so it has to
run inside, where a package can do no harm. A base has neither adequate nor all of perl: a perl script gets the modules
along that perl-base lacks; the compiled adequate of newer releases needs nothing but the C library.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

ADEQUATE: Final = Path("/usr/bin/adequate")
_DPKG_STATUS: Final = Path("/var/lib/dpkg/status")
_MODULES: Final = ("Attribute/Handlers.pm", "English.pm", "if.pm")  # of those that adequate 0.15 uses, not in perl-base
_PERL_LIBRARY: Final = Path("/usr/share/perl")
_PERL_SCRIPT: Final = re.compile(rb"#!\s*/usr/bin/perl\b")
_VERSION: Final = re.compile(r"^Package: adequate\n(?:.+\n)*?Version: (.+)$", re.MULTILINE)
_MODULE: Final = """\
    $module{'%s'} = <<'END OF MODULE';
%s
END OF MODULE
"""
_LOADER: Final = """\
#!/usr/bin/perl
BEGIN {
    my %%module;
%s
    push @INC, sub { return defined $module{$_[1]} ? \\(my $text = $module{$_[1]}) : () };
}
#line 1 "/usr/bin/adequate"
"""


class AdequateProgram(NamedTuple):
    """A program to put into a chroot."""

    version: str
    content: bytes


def adequate_program(
    path: Path = ADEQUATE, *, library: Path = _PERL_LIBRARY, status: Path = _DPKG_STATUS
) -> AdequateProgram | None:
    """The host's adequate, or None if it has none (or one that cannot be read)."""
    try:
        content = path.read_bytes()
        if _PERL_SCRIPT.match(content):
            content = _with_modules(content, library)
        known = _VERSION.search(status.read_text(errors="replace"))
    except OSError:
        return None
    return AdequateProgram(known[1] if known else "of unknown version", content)


def _with_modules(script: bytes, library: Path) -> bytes:
    modules = []
    for name in _MODULES:
        found = sorted(library.glob(f"*/{name}"))
        if found:
            text, _, _ = found[-1].read_text(errors="surrogateescape").partition("\n__END__\n")
            modules.append(_MODULE % (name, text))
    return (_LOADER % "".join(modules)).encode("utf-8", "surrogateescape") + script
