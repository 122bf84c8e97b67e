"""Whether a reserved version can be tested at all: is it in the archive, and does the upgrade path go upwards?

What fails here is untestable: the test is not run, and the log says why. Texts and numbers are those of piuparts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import apt_pkg

from piufarm.names import Package, Version


class Problem(IntEnum):
    """Why a package is untestable; the number stands as `ret=` in the log."""

    NOT_IN_DISTRO = -10001
    OTHER_VERSION = -10002
    NOT_ANYWHERE = -10003
    NOT_IN_LAST_DISTRO = -10004
    OTHER_VERSION_IN_LAST_DISTRO = -10005
    NEEDS_DOWNGRADE = -10006


class Packages(Protocol):
    """What a distro offers: piufarm.archive.suite.SuitePackages, or less."""

    def version(self, name: Package) -> Version | None: ...
    def paragraph(self, name: Package) -> str | None: ...


@dataclass(frozen=True)
class Offer:
    """A distro of the section, and what it offers."""

    distro: str
    packages: Packages


@dataclass(frozen=True)
class Examination:
    """What the log says between its Start line and the test, and whether there is a test."""

    introduction: str
    problem: Problem | None = None


def examine_install(package: Package, version: Version, offer: Offer) -> Examination:
    """Check a package of an install test."""
    available = offer.packages.version(package)
    if available is None:
        return Examination(f"Package {package} not found in {offer.distro}\n", Problem.NOT_IN_DISTRO)
    paragraph = f"\n{offer.packages.paragraph(package) or ''}\n"
    if available != version:
        message = f"Package {package} {version} not found in {offer.distro}, {available} is available\n"
        return Examination(message + paragraph, Problem.OTHER_VERSION)
    return Examination(paragraph)


def examine_upgrade(package: Package, version: Version, offers: Sequence[Offer]) -> Examination:
    """Check a package of an upgrade test; `offers` are the distros on the way, in order."""
    messages: list[str] = []
    problem: Problem | None = None
    versions = [offer.packages.version(package) for offer in offers]
    last, available = offers[-1].distro, versions[-1]
    if not any(versions):
        messages.append(f"Package {package} not found in any distribution")
        problem = Problem.NOT_ANYWHERE
    if available is None and not version.is_disappearance:
        messages.append(f"Package {package} not found in {last}")
        problem = Problem.NOT_IN_LAST_DISTRO
    elif available is not None and available != version:
        messages.append(f"Package {package} {version} not found in {last}, {available} is available")
        problem = Problem.OTHER_VERSION_IN_LAST_DISTRO
    paragraphs = "".join(f"\n[{offer.distro}]\n{offer.packages.paragraph(package) or ''}" for offer in offers)
    introduction = "".join(f"{message}\n" for message in messages) + paragraphs + "\n"
    if problem is None and (downgrades := _downgrades(offers, versions)):
        return Examination(introduction + "".join(downgrades), Problem.NEEDS_DOWNGRADE)
    return Examination(introduction, problem)


def _downgrades(offers: Sequence[Offer], versions: Sequence[Version | None]) -> list[str]:
    apt_pkg.init_system()
    messages: list[str] = []
    before: Version | None = None
    for offer, version in zip(offers, versions, strict=True):
        if version is None:
            continue
        if before is not None and apt_pkg.version_compare(before, version) > 0:
            messages.append(f"Upgrade to {offer.distro} requires downgrade: {before} > {version}\n")
        before = version
    return messages
