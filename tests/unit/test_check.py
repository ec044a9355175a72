import io
import sys
from pathlib import Path

import pytest
import typer

from gateway.cli.check import check

GOOD = 'version: 1\nupstreams: {a: {url: "http://h:1"}}\nroutes: [{path: "/*", upstream: a}]\n'


def test_a_good_file_is_said_to_be_good(tmp_path, capsys):
    file = tmp_path / "routes.yaml"
    file.write_text(GOOD)
    check(file)
    assert capsys.readouterr().out == f"{file}: good: 1 route, 0 features, 1 upstream\n"


def test_every_fault_is_printed_with_its_place_and_the_exit_code_is_1(tmp_path, capsys):
    file = tmp_path / "routes.yaml"
    file.write_text(GOOD.replace("upstream: a", "upstream: aa, hots: x"))
    with pytest.raises(typer.Exit) as raised:
        check(file)
    assert raised.value.exit_code == 1
    assert capsys.readouterr().out.splitlines() == [
        f'{file}:3:33: routes[0].upstream: there is no upstream "aa"; did you mean "a"?',
        f'{file}:3:37: routes[0].hots: unknown key; did you mean "host"?',
        f"{file}: 2 faults, 0 warnings",
    ]


def test_warnings_do_not_fail(tmp_path, capsys):
    file = tmp_path / "routes.yaml"
    file.write_text(GOOD.replace("/*", "/a/*"))
    check(file)
    out = capsys.readouterr().out
    assert "no route catches the rest" in out
    assert "(warning)" in out
    assert "good: 1 route, 0 features, 1 upstream, 1 warning" in out


def test_a_file_that_is_not_there_is_said_plainly(tmp_path, capsys):
    with pytest.raises(typer.Exit) as raised:
        check(tmp_path / "nothing.yaml")
    assert raised.value.exit_code == 1
    assert "nothing.yaml: cannot be read: No such file or directory" in capsys.readouterr().out


def test_a_dash_reads_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    check(Path("-"))
    assert "good" in capsys.readouterr().out


def test_the_shipped_routes_are_good_without_a_warning(capsys):
    check(Path(__file__).parents[2] / "routes.yaml")
    assert "good: 6 routes, 4 features, 2 upstreams\n" in capsys.readouterr().out


def test_a_file_that_somebody_sent_cannot_write_to_the_terminal(tmp_path, capsys):
    file = tmp_path / "routes.yaml"
    text = GOOD.replace("a: {url", r'"\e[31ma\e]0;x\a": {url')
    file.write_text(text.replace("upstream: a", r'upstream: a, "\u202eb\n": "\u009b2J"'))
    with pytest.raises(typer.Exit):
        check(file)
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.splitlines())
    assert r"\x1b[31ma" in out
    assert r"\u202eb\n" in out
