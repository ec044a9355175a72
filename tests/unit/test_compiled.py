"""What modules must keep to so that they may be compiled, and how a build is told from an old one."""

import ast
import json
import os
import subprocess
import sys

import pytest

from gateway import COMPILED, __version__, compiled


def sources():
    return [(name, compiled.PACKAGE / f"{name.replace('.', '/')}.py") for name in compiled.HOT]


def handlers(tree):
    """The bodies that run while an exception may be on its way."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                yield from handler.body
            yield from node.finalbody


@pytest.mark.parametrize("path", [pytest.param(path, id=name) for name, path in sources()])
def test_no_hot_module_waits_while_it_handles_an_exception(path):
    """A compiled coroutine that does so leaves its exception with whoever runs meanwhile."""
    waits = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
    tree = ast.parse(path.read_text())
    found = [inner.lineno for body in handlers(tree) for inner in ast.walk(body) if isinstance(inner, waits)]
    found += [node.lineno for node in ast.walk(tree) if isinstance(node, ast.AsyncWith)]
    assert found == []


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A package of one source, with a build made of it."""
    (tmp_path / "a.py").write_text("A = 1\n")
    monkeypatch.setattr(compiled, "PACKAGE", tmp_path)
    monkeypatch.setattr(compiled, "BUILD", tmp_path / "_compiled")
    compiled.BUILD.mkdir()
    (compiled.BUILD / compiled.MANIFEST).write_text(json.dumps(compiled.describe(["a.py"])))
    return tmp_path


@pytest.mark.usefixtures("build")
def test_a_build_of_these_sources_counts():
    assert compiled.is_current()


def test_after_an_edit_it_does_not(build):
    (build / "a.py").write_text("A = 2\n")
    assert not compiled.is_current()


def test_nor_without_a_source_of_it(build):
    (build / "a.py").unlink()
    assert not compiled.is_current()


@pytest.mark.usefixtures("build")
def test_nor_under_another_python(monkeypatch):
    monkeypatch.setattr(compiled, "EXTENSION_SUFFIXES", [".cpython-399-x86_64-linux-gnu.so"])
    assert not compiled.is_current()


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("manifest", [b"", b"{", b"[]", b"{}", b'{"sources": 1}', b"\xff"])
def test_nor_with_a_manifest_that_is_none(manifest):
    (compiled.BUILD / compiled.MANIFEST).write_bytes(manifest)
    assert not compiled.is_current()


@pytest.mark.usefixtures("build")
def test_without_any_the_sources_are_run():
    (compiled.BUILD / compiled.MANIFEST).unlink()
    before = list(sys.meta_path)
    assert not compiled.use()
    assert sys.meta_path == before


@pytest.mark.usefixtures("build")
def test_the_variable_turns_it_off(monkeypatch):
    monkeypatch.setenv(compiled.VARIABLE, "0")
    before = list(sys.meta_path)
    assert not compiled.use()
    assert sys.meta_path == before


def test_all_that_is_built_is_there():
    assert [name for name, path in sources() if not path.exists()] == []


def answer(*command, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_without_a_compiler_it_is_said_what_is_missing(tmp_path):
    if compiled.is_current():
        pytest.skip("there is a build already")
    code, _, errors = answer("compile", PATH=str(tmp_path))
    assert code == 1
    assert "there is no C compiler; on Debian and Ubuntu: apt install gcc python3-dev" in errors
    assert answer("compile", "--if-possible", PATH=str(tmp_path))[0] == 0


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled here")
def test_what_is_compiled_is_run_as_such_and_can_be_turned_off():
    assert answer("compile") == (0, "already compiled, from these sources\n", "")
    assert answer("version")[1] == f"{__version__} (compiled)\n"
    assert answer("version", GATEWAY_COMPILED="0")[1] == f"{__version__}\n"
    where = "import gateway.proxy; print(gateway.proxy.__file__.endswith('.py'))"
    for value, from_source in (("1", "False\n"), ("0", "True\n")):
        environment = os.environ | {compiled.VARIABLE: value}
        found = subprocess.run(
            [sys.executable, "-c", where], env=environment, capture_output=True, text=True, check=True
        )
        assert found.stdout == from_source
