"""Tests on ready layers of dependencies: which tests may stand on them, and the layers that one gets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.interface import Backend, ChrootLimits, CommandLimits
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.layers.closure import Deb, closures
from piufarm.slave.layers.faults import Faults
from piufarm.slave.layers.forecast import Forecast, shared_urls
from piufarm.slave.layers.making import NoLayer, Workshop
from piufarm.slave.layers.plan import Planned, best_way, plan
from piufarm.slave.layers.shelf import Layer, LayerShelf, Way, key_of
from piufarm.slave.layers.stack import Stack
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.output.log import TestLog, decode_output
from piufarm.slave.tester.procedures.procedure import Procedure

_LAYERS: Final = "layers"
_FAULTS: Final = "faults"  # beside the layers
_APT_CACHE: Final = "apt-cache"
_MEBIBYTE: Final = 1 << 20


def can_stand_on_layers(options: Options, group: Group, procedure: Procedure, backend: Backend) -> bool:
    """Whether nothing but the installation itself would see that dependencies are there already."""
    tests = options.tests
    sees_dependencies_come = (
        tests.install_purge_install or tests.install_remove_install or tests.extra_old_packages or tests.scripts
        or tests.testdebs_repo or options.root.fake_essential_packages or options.checks.warn_on_others
        or options.checks.list_installed_files or options.output.keep_env or options.output.shell_on_error
    )
    is_one_name = len(group.packages) == 1 and not group.debs and not group.packages[0].disappears
    return procedure.name == "install" and is_one_name and not sees_dependencies_come and takes_layers(backend)


def takes_layers(backend: Backend) -> bool:
    """Whether chroots can be made of several layers."""
    return isinstance(backend, OverlayBackend) and not backend.copies and os.geteuid() == 0


@dataclass(frozen=True)
class Found:
    """The layers that a test stands on."""

    planned: Planned
    layers: tuple[Layer, ...]  # lowest first
    backend: OverlayBackend

    @property
    def keys(self) -> tuple[str, ...]:
        """Identifies them."""
        return tuple(layer.key for layer in self.layers)

    def tell(self, log: TestLog, root: str) -> None:
        """What was run to make them, as if it had been just now."""
        for layer in self.layers:
            for command in layer.facts.commands:
                words = log.command_begins(("chroot", root, *command.argv))
                log.command_output(decode_output(command.output))
                log.command_ended(words)


class Layering:
    """The layers of one base."""

    def __init__(self, options: Options, base: PreparedBase, limits: ChrootLimits, release: str | None) -> None:
        """`release`: what apt-get -t gets."""
        self._options = options
        self._base = base
        self._limits = limits
        self._apt_options = ("-t", release) if release else ()
        self._shelf = _shelf(options, base)
        self.faults: Final = Faults(base.copy / _LAYERS / _FAULTS)

    def drop(self, found: Found) -> None:
        """Do without these layers from now on."""
        for layer in found.layers:
            self._shelf.drop(layer.key)

    @contextmanager
    def found(
        self, planned: Planned, debs: Sequence[Deb], backend: OverlayBackend, log: TestLog
    ) -> Iterator[Found | None]:
        """The best layers for a package, made as far as they are not there and can be; None if there are none."""
        way = best_way(planned, debs, self._shelf.ways())
        with ExitStack() as stack:
            layers: list[Layer] = []
            for number in range(1, len(way) + 1):
                parent = layers[-1].identity if layers else ""
                layer = self._take_or_make(way[:number], parent, backend, log)
                if layer is None:
                    break
                stack.callback(layer.close)
                layers.append(layer)
                backend = replace(backend, stack=Stack(tuple(item.root for item in reversed(layers)), layer.changes()))
            yield Found(planned, tuple(layers), backend) if layers else None

    def _take_or_make(self, way: Way, parent: str, backend: OverlayBackend, log: TestLog) -> Layer | None:
        key = key_of(parent, way[-1])
        layer = self._shelf.take(key)
        if layer is not None or self._shelf.is_refused(key):
            return layer
        with self._shelf.making(key) as new:
            if new is None:
                return self._shelf.take(key)
            log.progress(f"making a layer of {len(way[-1])} dependencies")
            limits = CommandLimits(self._options.command_seconds, self._options.command_output_bytes)
            workshop = Workshop(backend, self._base, self._limits, limits, self._apt_options)
            try:
                facts, changes = workshop.make(way, new)
                self._shelf.add(new, key, facts, changes)
            except NoLayer as reason:
                log.info(f"they cannot be a layer: {reason}")
                self._shelf.refuse(key)
            except FarmError as error:  # another time, or in another place, it may well be one
                log.info(f"no layer for now: {error.message}")
        return self._shelf.take(key)


def forecast(options: Options, base: PreparedBase, release: str | None, proxy: str | None) -> Forecast:
    """What to fetch and which layers to make for tests of all operands. Raises FarmError."""
    found = dict(closures(base.root, base.copy / _APT_CACHE, options.operands, release))
    shelf = _shelf(options, base)
    with shelf.planning() as known:
        planned = {item.package: item for item in plan(found, known)}
        shelf.note([item.layers for item in planned.values() if item.layers])
    return Forecast(planned, found, proxy, shared_urls(planned.values(), found))


def _shelf(options: Options, base: PreparedBase) -> LayerShelf:
    return LayerShelf(base.copy / _LAYERS, options.layers.disk_mebibytes * _MEBIBYTE)
