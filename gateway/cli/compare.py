"""`gateway compare ...`: what shadows have found, for whoever is about to raise a percent."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.api import AdminApi
from gateway.cli.options import Admin, AsJson
from gateway.cli.words import console, errors, fail, safe
from gateway.compare.lists import EACH
from gateway.compare.sample_terminal import print_sample
from gateway.compare.sentences import as_json as reports_json
from gateway.compare.sentences import as_junit
from gateway.compare.snippet import snippet
from gateway.compare.suggest import suggest as rules_for
from gateway.compare.terminal import print_report

app = typer.Typer(no_args_is_help=True, help="What differs between legacy and new, by requests that went to both.")

UNUSABLE = 2
"""Exit status where nothing can be told: 1 says that the sides differ."""

Feature = Annotated[str, typer.Argument(help="The feature's name in routes.yaml.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def report(
    feature: Annotated[str, typer.Argument(help="A feature's name; without one, all.")] = "",
    admin: Admin = "",
    as_json: AsJson = False,
    junit_file: Annotated[str, typer.Option("--junit", help="Writes the report as JUnit XML here.")] = "",
) -> None:
    """How many replies were compared, how many differed, and in what. Exits 1 where there are mismatches."""
    api = AdminApi(admin, failure=UNUSABLE)
    names = [feature] if feature else list(api.get("/api/compare")["features"])
    reports = [api.get(f"/api/compare/{quote(name, safe='')}") for name in names]
    now = time.time()
    _write(junit_file, as_junit(reports, now))
    if as_json:
        print(json.dumps(reports_json(reports)))
    else:
        for each in reports:
            print_report(console, each, now)
        if not reports:
            console.print("routes.yaml has no features, so there is nothing to compare")
    if any(each["mismatches"] for each in reports):
        raise typer.Exit(1)


@app.command()
def show(
    sample: Annotated[str, typer.Argument(help="A sample's id, as `report` tells it.")],
    admin: Admin = "",
    as_json: AsJson = False,
) -> None:
    """One request with both replies to it, what differs marked; secrets are hidden."""
    content = AdminApi(admin, failure=UNUSABLE).get(f"/api/compare/samples/{quote(sample, safe='')}")
    if as_json:
        print(json.dumps(content))
    else:
        print_sample(console, content, time.time())


@app.command()
def clear(feature: Feature, yes: Yes = False, admin: Admin = "") -> None:
    """Forgets all that was counted and kept of a feature, on all machines: after a fix, count anew."""
    if not yes:
        if not sys.stdin.isatty():
            fail(f"everything that was compared of {feature} would be forgotten; add --yes if that is meant", status=2)
        errors.print(f"[bold yellow]careful:[/] everything that was compared of {safe(feature)} is forgotten")
        if not typer.confirm("go on?", err=True):
            fail("nothing was changed")
    AdminApi(admin, failure=UNUSABLE).delete(f"/api/compare/{quote(feature, safe='')}")
    console.print(f"{safe(feature)}: comparisons begin anew", soft_wrap=True)


@app.command()
def suggest(feature: Feature, admin: Admin = "") -> None:
    """Rules that tell noise from what matters, as YAML for routes.yaml, each with what it rests on."""
    api = AdminApi(admin, failure=UNUSABLE)
    content = api.get(f"/api/compare/{quote(feature, safe='')}")
    found = rules_for(content["differences"], dict(_bodies(api, content)))
    print(snippet(feature, found), end="")
    if not found.rules:
        seen = "nothing has differed" if not content["differences"] else "none of what differs is known to be noise"
        errors.print(f"[yellow]no rule to suggest:[/] {seen}")


def _bodies(api: AdminApi, content: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[Any, Any]]]]:
    """Both bodies of the samples of each difference within a list: it may be their order alone."""
    read: dict[str, tuple[Any, Any] | None] = {}
    for each in content["differences"]:
        if EACH not in each["place"]:
            continue
        for sample in each["samples"]:
            if sample not in read:
                read[sample] = _json_bodies(api.get(f"/api/compare/samples/{quote(sample, safe='')}"))
        yield each["fingerprint"], [pair for sample in each["samples"] if (pair := read[sample]) is not None]


def _json_bodies(sample: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """None unless both are JSON, and whole."""
    try:
        return json.loads(sample["legacy"]["body"]["text"] or ""), json.loads(sample["new"]["body"]["text"] or "")
    except ValueError:
        return None


def _write(junit_file: str, content: bytes) -> None:
    """Exits 2 where it cannot be written: a CI server would read an old one."""
    if not junit_file:
        return
    try:
        Path(junit_file).write_bytes(content)
    except OSError as error:
        fail(f"the report cannot be written: {error}", status=UNUSABLE)
