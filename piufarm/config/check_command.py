"""`piufarm check-config`: what the configuration means, where each value comes from, and what is wrong with it."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterator, Sequence

from piufarm.archive.errors import NoMirror
from piufarm.archive.mirror import default_mirror
from piufarm.config.command import add_config_option
from piufarm.config.distros import Distros, load_distros
from piufarm.config.effective import as_json, farm_values, render_values, runs_real_piuparts, section_values
from piufarm.config.load import Examination, examine
from piufarm.config.model import Configuration
from piufarm.config.reference import settings_reference
from piufarm.errors import ConfigError, UsageError
from piufarm.names import SectionName


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = (
        "An origin is a line of the section itself, of [global] or of [DEFAULT], or `default`. "
        "Exit status: 0 usable (perhaps with warnings), 2 not usable."
    )
    parser.add_argument("sections", metavar="SECTION", nargs="*", help="only these sections (default: all)")
    add_config_option(parser)
    parser.add_argument("--set", action="store_true", help="leave out values that are defaults")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--keys", action="store_true", help="explain every key there is; reads no file")


def main(arguments: argparse.Namespace) -> int:
    """Print the configuration; 2 if it cannot be used."""
    if arguments.keys:
        print(settings_reference(), end="")
        return 0
    examination = examine(arguments.config)
    distros, problems = _examine_distros(examination)
    configuration = examination.configuration
    if configuration is None or problems:
        return _print_problems(problems, as_json_text=arguments.json)
    names = _chosen(configuration, arguments.sections)
    notes = tuple(_notes(configuration, names))
    if arguments.json:
        document = {**as_json(configuration, names), "notes": list(notes), "errors": []}
        document["distros"] = str(distros.path) if distros.path else None
        document["warnings"] = [*configuration.warnings, *distros.warnings]
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print_configuration(configuration, distros, names, with_defaults=not arguments.set)
        _print_remarks((*configuration.warnings, *distros.warnings), notes)
    return 0


def _examine_distros(examination: Examination) -> tuple[Distros, tuple[ConfigError, ...]]:
    if examination.configuration is None:
        return Distros(), examination.problems
    try:
        return load_distros(config=examination.configuration.path), ()
    except ConfigError as error:
        return Distros(), (error,)


def _print_problems(problems: Sequence[ConfigError], *, as_json_text: bool) -> int:
    if as_json_text:
        errors = [{"message": problem.message, "hint": problem.hint} for problem in problems]
        print(json.dumps({"errors": errors}, indent=2, ensure_ascii=False))
        return ConfigError.exit_status
    for problem in problems:
        print(f"error: {problem.message}", file=sys.stderr)
        if problem.hint:
            print(f"  {problem.hint}", file=sys.stderr)
    return ConfigError.exit_status


def _chosen(configuration: Configuration, words: Sequence[str]) -> tuple[SectionName, ...]:
    by_text = {str(name): name for name in configuration.sections}
    for word in words:
        if word not in by_text:
            near = difflib.get_close_matches(word, by_text, n=3)
            known = ", ".join(near or by_text) or "none"
            raise UsageError(f"no section {word!r} in {configuration.path}", hint=f"there are: {known}")
    return tuple(by_text[word] for word in words or by_text if words or word != "global")


def _print_configuration(
    configuration: Configuration, distros: Distros, names: Sequence[SectionName], *, with_defaults: bool
) -> None:
    print(configuration.path)
    if distros.path:
        print(f"{distros.path} ({len(distros.stanzas)} distros)")
    print("\nthe farm")
    for line in render_values(farm_values(configuration), home="[global]", with_defaults=with_defaults):
        print(line)
    for name in names:
        print(f"\n[{name}]")
        values = section_values(configuration, name)
        for line in render_values(values, home=f"[{name}]", with_defaults=with_defaults):
            print(line)


def _print_remarks(warnings: Sequence[str], notes: Sequence[str]) -> None:
    if warnings or notes:
        print()
    for text in warnings:
        print(f"warning: {text}")
    for text in notes:
        print(f"note: {text}")


def _notes(configuration: Configuration, names: Sequence[SectionName]) -> Iterator[str]:
    sections = [configuration.sections[name] for name in names]
    with_real = [section.name for section in sections if runs_real_piuparts(section)]
    if with_real:
        yield (
            f"{_list(with_real)}: piuparts-command runs the piuparts program. Our own tester, several times as fast "
            "and without sudo, is used where piuparts-command is not set or empty."
        )
    if any(section.mirror is None and section.selection_distro for section in sections):
        try:
            mirror = default_mirror()
            yield f"mirror is not set: the host's own is used, {mirror.uri} ({mirror.suite})"
        except NoMirror as error:
            yield f"mirror is not set, and {error.message}: {error.hint}"


def _list(names: Sequence[SectionName]) -> str:
    shown = ", ".join(f"[{name}]" for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
