"""What tests stand on: the base that answers the options, and the backend that makes chroots of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from piufarm.config.distros import Distros
from piufarm.config.model import ChrootBackend
from piufarm.errors import UsageError
from piufarm.slave.bases.own_sources import archives_of, reaching
from piufarm.slave.bases.prepare import default_cache, prepare, prepare_on
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.request import BaseRequest, Directory, request_key
from piufarm.slave.bases.shelf import Shelf
from piufarm.slave.chroot.interface import Backend
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.schroot import SchrootBackend, schroot_base
from piufarm.slave.layers.forecast import Forecast
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.roots.base_request import (
    Archive,
    architecture,
    base_request,
    host_distros,
    local_directories,
    mirrors,
    repositories,
    site_proxy,
)
from piufarm.slave.tester.roots.foreign_schroot import without_foreign_schroot
from piufarm.slave.tester.upgrades.suites import Suite, suites

_UPGRADED: Final = "upgraded"  # in the copy of a base


class Roots:
    """Where the roots of a run come from. Raises UsageError for what cannot be meant, FarmError for our trouble."""

    def __init__(self, options: Options, progress: Callable[[str], None]) -> None:
        """`progress` gets a line about each longer step."""
        if options.root.directory is not None and os.geteuid() != 0:
            raise UsageError("only root can put a layer over a directory", hint="pack it, and use --basetgz FILE")
        self._options = options
        self._root = without_foreign_schroot(options.root)
        self._progress = progress

    @cached_property
    def _distros(self) -> Distros:
        return host_distros()

    @cached_property
    def _archives(self) -> list[Archive]:
        return mirrors(self._root)

    @property
    def target_release(self) -> str | None:
        """What apt-get -t gets in the first suite."""
        return self._distros.target_release(self._root.distribution)

    @cached_property
    def suites(self) -> tuple[Suite, ...]:
        """The suites to test in, or to upgrade through."""
        return suites(self._options, self._archives, self._distros)

    @cached_property
    def _uris(self) -> list[str]:
        """Everything that apt will ever ask for packages."""
        testdebs = self._options.tests.testdebs_repo or ""
        texts = [*(suite.sources for suite in self.suites), testdebs]
        named = (uri for text in texts for uri, _ in repositories(text))
        return list(dict.fromkeys([*(archive.uri for archive in self._archives), *named]))

    @cached_property
    def network(self) -> NetworkAccess:
        """What chroots may reach."""
        proxy = site_proxy(self._root, self._uris)
        access = NetworkAccess(tuple(self._uris), default_cache() / "debs", proxy, self._root.network)
        plan = self._options.layers.plan
        return access if plan is None else replace(access, shared=Forecast.read(plan).shared)

    @cached_property
    def shown(self) -> tuple[Path, ...]:
        """Directories of the host that chroots show: those asked for, and repositories that the base does not have."""
        repositories_here = local_directories(self._uris, self._root.directory)
        return tuple(dict.fromkeys([*self._root.bind_mounts, *repositories_here]))

    def prepare(self) -> tuple[PreparedBase, Backend]:
        """The base, to be closed when the run ends, and what makes chroots of it."""
        request = base_request(self._root, self._archives, self._distros)
        copies = self._root.backend is ChrootBackend.COPY
        if self._root.schroot is not None:
            base = schroot_base(self._root.schroot)
            network = reaching(self.network, archives_of(request, base.root))
            return base, SchrootBackend(self._options.tmpdir, network, request, binds=self.shown)
        base = prepare(request, cache=default_cache(), network=self.network, progress=self._progress)
        network = reaching(self.network, archives_of(request, base.root))
        return base, OverlayBackend(self._options.tmpdir, network, binds=self.shown, copies=copies)

    def upgraded(self, base: PreparedBase) -> PreparedBase:
        """The base upgraded to the last suite, as a layer over it that goes when it does."""
        sources = self.suites[-1].sources
        request = BaseRequest(
            source=Directory(base.root),
            arch=architecture(self._root),
            sources_list=sources,
            archives=repositories(sources),
            update_retries=self._root.update_retries,
            shown=self.shown,
        )
        shelf = Shelf(base.copy / _UPGRADED / request_key(request))
        return prepare_on(shelf, request, self.network, self._progress)
