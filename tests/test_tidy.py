"""House rules as tests: what a reviewer would otherwise have to look for in every change."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ha_core", "cim_provider")
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500

SHELLS = frozenset({"runtime", "sim", "cli", "lab", "client", "layout"})
"""Parts of `ha_core` that may do I/O; everything else is core."""
LIBRARY_USERS = frozenset({"control_protocol", "wire", "keyring", "codec"})
"""Pure modules of `ha_core` that use a library besides the standard one."""
IMPURE = frozenset(
    {
        "asyncio",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
    }
)
PURE_PROVIDER = ("wbem", "mapping", "query")
FORBIDDEN_CALLS = frozenset({"eval", "exec", "__import__", "breakpoint"})
FORBIDDEN_IMPORTS = frozenset({"pickle", "marshal", "shelve"})
BROAD = frozenset({"Exception", "BaseException"})
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:home|Users|work|farm|workspace)/[\w.]+")


def python_files(*folders: str) -> list[Path]:
    """Return the Python files of these folders, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


PRODUCT = python_files(*PACKAGES)
TESTS = python_files("tests")
BENCHMARKS = python_files("benchmarks")


def parsed(path: Path) -> ast.Module:
    """Return the file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    """Return where something stands, for messages."""
    line = getattr(node, "lineno", 1)
    return f"{path.relative_to(ROOT)}:{line}"


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield every imported module's full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node, node.module


def dotted(node: ast.expr) -> str:
    """Return a call's name, such as `time.sleep`."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def is_core(path: Path) -> bool:
    """Whether the module belongs to the core of `ha_core`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] == "ha_core" and len(parts) > 1 and parts[1] not in SHELLS


def is_pure_provider(path: Path) -> bool:
    """Whether the module belongs to the part of the provider that does no I/O."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] == "cim_provider" and len(parts) > 1 and parts[1] in PURE_PROVIDER


def test_every_module_says_what_it_owns() -> None:
    missing = [
        place(path)
        for path in PRODUCT + TESTS + BENCHMARKS
        if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(parsed(path))
    ]
    assert not missing, f"module docstring missing: {missing}"


def test_every_public_name_has_a_docstring() -> None:
    missing = []
    for path in PRODUCT:
        for owner in ast.walk(parsed(path)):
            if not isinstance(owner, ast.Module | ast.ClassDef) or _is_private(owner):
                continue
            missing += [
                f"{place(path, node)} {node.name}"
                for node in owner.body
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
                and not _overloads(node)
            ]
    assert not missing, f"docstring missing: {missing}"


def _is_private(node: ast.Module | ast.ClassDef) -> bool:
    return isinstance(node, ast.ClassDef) and node.name.startswith("_")


def _overloads(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    names = {dotted(item) for item in node.decorator_list}
    return bool(names & {"overload", "typing.overload", "override", "typing.override"})


def test_functions_are_short() -> None:
    long = [
        f"{place(path, node)} {node.name}: {length} lines"
        for path in PRODUCT + TESTS
        for node in functions(parsed(path))
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, f"at most {FUNCTION_LINES_MAX} lines: {long}"


@pytest.mark.parametrize("files", [PRODUCT, TESTS], ids=["product", "tests"])
def test_files_are_one_subject_each(files: list[Path]) -> None:
    long = [
        f"{place(path)}: {length} lines"
        for path in files
        if (length := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    ]
    assert not long, f"at most {FILE_LINES_MAX} lines: {long}"


def test_no_error_is_caught_that_nobody_expects() -> None:
    broad = []
    for path in PRODUCT + TESTS:
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or dotted(kind) in BROAD for kind in kinds):
                broad.append(place(path, node))
    assert not broad, f"name the errors that are expected: {broad}"


def test_nothing_runs_text_as_code() -> None:
    found = []
    for path in PRODUCT + TESTS + BENCHMARKS:
        tree = parsed(path)
        found += [place(path, node) for node, name in imported(tree) if name in FORBIDDEN_IMPORTS]
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            shell = any(
                key.arg == "shell"
                and not (isinstance(key.value, ast.Constant) and key.value.value is False)
                for key in node.keywords
            )
            name = dotted(node.func)
            if name in FORBIDDEN_CALLS or shell or name in {"os.system", "os.popen"}:
                found.append(f"{place(path, node)} {name}")
    assert not found, f"no shell, pickle, eval: {found}"


def test_tests_neither_sleep_nor_patch() -> None:
    found = []
    for path in TESTS:
        tree = parsed(path)
        found += [place(path, node) for node, name in imported(tree) if name.startswith("unittest")]
        found += [
            place(path, node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and dotted(node.func) == "time.sleep"
        ]
    assert not found, f"wait for the event itself, use a fake: {found}"


def test_core_imports_nothing_that_does_io() -> None:
    found = [
        f"{place(path, node)} {name}"
        for path in PRODUCT
        if is_core(path) or is_pure_provider(path)
        for node, name in imported(parsed(path))
        if name.partition(".")[0] in IMPURE
    ]
    assert not found, f"the core is without I/O and clock: {found}"


def test_core_uses_the_standard_library_alone() -> None:
    libraries = {
        "click",
        "cryptography",
        "h11",
        "httptools",
        "msgspec",
        "psutil",
        "pyroute2",
        "pywbem",
        "yaml",
    }
    found = [
        f"{place(path, node)} {name}"
        for path in PRODUCT
        if is_core(path)
        and path.stem not in LIBRARY_USERS
        and path.relative_to(ROOT).parts[1] not in LIBRARY_USERS
        for node, name in imported(parsed(path))
        if name.partition(".")[0] in libraries and not _reads_yaml(path, name)
    ]
    assert not found, f"libraries belong into the shells: {found}"


def _reads_yaml(path: Path, name: str) -> bool:
    return name.partition(".")[0] == "yaml" and path.relative_to(ROOT).parts[1] == "config"


def is_meeting_place(path: Path) -> bool:
    """Whether a module may know both: those of the engine over the cluster."""
    *place, name = path.relative_to(ROOT).parts
    return place == ["cim_provider", "engines"] and name.startswith("ha_core")


def test_cluster_and_provider_meet_in_the_engine_and_what_stands_beside_it_only() -> None:
    found = [
        f"{place(path, node)} {name}"
        for path in PRODUCT
        for node, name in imported(parsed(path))
        if name.partition(".")[0] in PACKAGES
        and name.partition(".")[0] != path.relative_to(ROOT).parts[0]
        and not is_meeting_place(path)
    ]
    assert not found, f"only the engine over the cluster knows both: {found}"


def test_import_contracts_name_every_module_of_the_core() -> None:
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts[:2])
        for path in PRODUCT
        if is_core(path) and path.name != "__init__.py"
    }
    missing = sorted(name for name in modules if f'"{name}"' not in contracts)
    assert not missing, f"add to the contracts in pyproject.toml: {missing}"


def test_every_test_is_named_as_a_claim() -> None:
    short = [
        f"{place(path, node)} {node.name}"
        for path in TESTS
        for node in functions(parsed(path))
        if node.name.startswith("test_") and node.name.count("_") < 3
    ]
    assert not short, f"say what holds, as in test_minority_partition_stops: {short}"


def test_no_file_names_a_directory_of_somebodys_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    paths = [ROOT / name for name in listed if name] or PRODUCT + TESTS
    found = []
    for path in paths:
        if not path.is_file() or path == Path(__file__).resolve():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{place(path)} {match.group()}" for match in MACHINE_PATHS.finditer(text)]
    assert not found, f"write paths relative to the checkout: {found}"
