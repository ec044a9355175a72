"""The layers: a module imports from its own row and from rows below it, and no rule touches the world.

Only the source is read, so an import that hides in a function counts too.
"""

import ast
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ROWS = (
    ("cli", "__main__"),
    ("verify", "replay"),  # ask services and a running gateway from outside, as the commands do
    ("serve", "edge", "accept"),
    ("worker", "control"),
    (
        "proxy",
        "attempts",
        "client",
        "body",
        "reception",
        "recorder",
        "outbound",
        "reply",
        "websocket*",
        "streams",
        "dataplane",
        "shadow_speech",
    ),
    ("shadow",),
    (
        "reload",
        "admin",
        "admin_guard",
        "admin_compare",
        "compare",
        "status",
        "flagdesk",
        "control_view",
        "traffic",
        "workers",
        "inner",
        "follower",
        "lifeline",
        "deaths",
        "rolling",
        "pulse",
        "report",
        "certificate*",
    ),
    ("upstream", "flags", "tasks", "telemetry", "embedded", "descriptors"),
    ("exchange",),
    ("shadow.copy",),  # what an exchange carries of it
    ("upstream.api",),  # the contract alone, without the effects
    ("rules",),
    ("settings", "config", "admin_token"),
    (
        "rules.json_path",
        "rules.shapes",
        "rules.tolerance",
    ),  # what a rule of comparison is written in: files are read by it
    ("", "model", "errors", "percent", "runner", "compiled", "lean"),
)
"""What people type first. A package stands for all that is in it, unless a module of it is named on its own; with a
star, for all whose names begin so.
"""

MAY_IMPORT_UP = {
    "worker": {"edge.server", "accept"},  # the composition root makes the server that it runs
    "control": {"edge.server"},  # the same, for the admin port
}
"""Exceptions, each with its reason."""

PURE = {
    "base64", "binascii", "bisect", "collections", "collections.abc", "dataclasses", "decimal", "difflib", "enum",
    "datetime", "functools", "hashlib", "hmac", "html", "ipaddress", "itertools", "json", "math", "re", "string", "sys",
    "types", "typing", "urllib.parse", "zlib", "backports.zstd", "brotli", "compression.zstd", "orjson", "xxhash",
}  # fmt: skip
"""All that rules may use from outside: no I/O, no clock, no randomness, no web framework."""

INDEPENDENT = ("gateway", "legacy_backend", "new_backend", "migrations", "bench", "resumekit", "traffic")
SHARED = {"legacy_backend": {"resumekit"}, "new_backend": {"resumekit"}}
"""A library that both sides of the sample use, as they would one of somebody else's."""

MEASURED = {("bench", "comparison"): "gateway.rules."}
"""The one benchmark that measures a function and no process."""


def modules(package):
    """Every module of a package by its name below it, with what it imports."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT / package).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = imports(ast.parse(path.read_text()), (package, *parts[:-1]))
    return found


def imports(tree, package):
    """The dotted names that a module imports; `from a import b` gives `a.b`, of which b may be no module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join((*base, node.module) if node.module else base)
            found |= {f"{start}.{alias.name}" for alias in node.names}
    return found


GATEWAY = modules("gateway")


def row_of(module):
    """The place of a module's row from the top, by the longest name that stands for it; None without one."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        for place, row in enumerate(ROWS):
            if any(fnmatchcase(name, entry) for entry in row):
                return place
    return None


def own(imported):
    """The modules of gateway among what is imported, by their names below it."""
    for name in imported:
        if name == "gateway" or name.startswith("gateway."):
            below = name.removeprefix("gateway").removeprefix(".")
            while below not in GATEWAY:
                below = below.rpartition(".")[0]
            yield below


def test_every_module_stands_in_a_row():
    assert [module for module in GATEWAY if row_of(module) is None] == []


def test_every_row_names_what_is_there():
    named = {name for row in ROWS for name in row if name and "*" not in name}
    assert {name for name in named if not any(f"{module}.".startswith(f"{name}.") for module in GATEWAY)} == set()


@pytest.mark.parametrize("module", GATEWAY)
def test_a_module_imports_from_its_own_row_and_below(module):
    up = {other for other in own(GATEWAY[module]) if row_of(other) < row_of(module)}
    assert up - MAY_IMPORT_UP.get(module, set()) == set()


def test_no_module_imports_itself_by_way_of_others():
    graph = {module: set(own(imported)) - {module, ""} for module, imported in GATEWAY.items()}
    while free := [module for module, below in graph.items() if not below & graph.keys()]:
        for module in free:
            del graph[module]
    assert graph == {}


@pytest.mark.parametrize("module", [name for name in GATEWAY if name.split(".")[0] == "rules"])
def test_rules_are_pure(module):
    outside = {name for name in GATEWAY[module] if not name.startswith("gateway.")}
    assert {name for name in outside if name not in PURE and name.rpartition(".")[0] not in PURE} == set()


def test_rules_ask_no_clock():
    """`datetime` is there to read times with."""
    asked = {
        (path.name, node.attr)
        for path in (ROOT / "gateway/rules").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today")
    }
    assert asked == set()


def test_rules_ask_of_the_interpreter_its_version_alone():
    asked = {
        (path.name, node.attr)
        for path in (ROOT / "gateway/rules").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys"
    }
    assert asked == {("encodings.py", "version_info")}


@pytest.mark.parametrize("module", [name for name in GATEWAY if name.split(".")[0] == "rules"])
def test_rules_use_of_the_configuration_only_its_shape(module):
    config = {name for name in own(GATEWAY[module]) if name.startswith("config")}
    assert config <= {"config.schema", "config.patterns", "config.comparison", "config.shadow"}


@pytest.mark.parametrize("package", INDEPENDENT)
def test_the_product_its_sample_its_migrations_and_its_benchmark_do_not_know_each_other(package):
    others = set(INDEPENDENT) - {package} - SHARED.get(package, set())
    known = {
        (module, name)
        for module, imported in modules(package).items()
        for name in imported
        if name.split(".")[0] in others and not name.startswith(MEASURED.get((package, module), "-"))
    }
    assert known == set()


def test_the_reader_of_imports_sees_them_all():
    source = "import a.b, c\nfrom d import e\ndef f():\n    from . import g\n    from ..h import i\n"
    assert imports(ast.parse(source), ("p", "q")) == {"a.b", "c", "d.e", "p.q.g", "p.h.i"}
