"""The rules that keep the parts apart, checked on the syntax trees of all modules."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from tests.support.clone import CLONE, imports_of, python_files, tracked_files

COMPONENTS: Final = ("master", "slave", "report")
MAX_LINES: Final = 500
# Starts programs, so that nothing else has to.
RUNNER: Final = "piufarm/run.py"
# Knows the components, to start the one that is asked for.
ENTRY: Final = "piufarm/__main__.py"


def _is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _component(path: Path) -> str | None:
    """The component that a product file belongs to; None for the core."""
    top = path.relative_to(CLONE).parts[0]
    return top if top in COMPONENTS else None


def _product_files() -> list[Path]:
    return [path for path in python_files() if path.relative_to(CLONE).parts[0] in ("piufarm", *COMPONENTS)]


def _offences(files: list[Path], *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(CLONE)} imports {module}"
        for path in files
        for module in imports_of(path)
        if any(_is_below(module, package) for package in forbidden)
    ]


def test_the_core_imports_no_component() -> None:
    core = [path for path in _product_files() if _component(path) is None and path != CLONE / ENTRY]
    assert core
    assert _offences(core, *(f"piufarm.{component}" for component in COMPONENTS)) == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_imports_no_other_component(component: str) -> None:
    files = [path for path in _product_files() if _component(path) == component]
    assert files
    assert _offences(files, *(f"piufarm.{other}" for other in COMPONENTS if other != component)) == []


def test_components_are_imported_by_their_one_true_name() -> None:
    """`import master` would load a second copy, whose classes differ from those of `piufarm.master`."""
    assert _offences(python_files(), *COMPONENTS) == []


def test_imports_are_absolute() -> None:
    assert _offences(python_files(), ".", "..") == []


def test_the_product_imports_nothing_that_only_tests_need() -> None:
    assert _offences(_product_files(), "tests", "bench", "demo", "pytest", "hypothesis") == []


def test_only_one_module_starts_programs() -> None:
    files = [path for path in python_files() if path != CLONE / RUNNER]
    assert _offences(files, "subprocess", "sh", "pty", "multiprocessing") == []


def test_nobody_starts_programs_behind_its_back() -> None:
    forbidden = ("os.system", "os.popen", "os.execv", "os.posix_spawn", "os.spawnv", "os.chdir")
    offences = [
        f"{path.relative_to(CLONE)}:{node.lineno} calls {ast.unparse(node.func)}"
        for path in _product_files()
        if path != CLONE / RUNNER
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(forbidden)
    ]
    assert offences == []


def test_errors_are_caught_by_name() -> None:
    offences = [
        f"{path.relative_to(CLONE)}:{node.lineno}"
        for path in _product_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert offences == []


def test_files_stay_small() -> None:
    code = [path for path in tracked_files() if path.suffix in (".py", ".pl", ".sh") or path.parent.name == "bin"]
    sizes = {str(path.relative_to(CLONE)): len(path.read_bytes().splitlines()) for path in code}
    assert {name: lines for name, lines in sizes.items() if lines > MAX_LINES} == {}
