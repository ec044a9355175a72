"""The JSON Schema, the reference and the shipped file: the three must say the same."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from gateway.cli.check import report
from gateway.cli.schema import schema as print_schema
from gateway.config.json_schema import json_schema
from gateway.config.load import load
from gateway.config.nodes import Document
from gateway.percent import parse_percent

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "routes-reference.md").read_text()
SECTIONS = {
    "The file": "RoutesFile",
    "Upstreams": "Upstream",
    "Features": "Feature",
    "Routes": "Route",
    "WebSockets": "WebSocket",
    "Log": "Log",
    "Limits": "Limits",
    "Shadows": "Shadow",
    "Shadows of a route": "RouteShadow",
    "TLS for clients": "Tls",
}
PARTS = {
    "breaker": "Breaker",
    "compare": "ShadowCompare",
    "cors": "Cors",
    "ejection": "Ejection",
    "health": "Health",
    "tls": "UpstreamTls",
}
DEEP = {"tls.certificates": "CertificateFiles", "compare.unordered": "Unordered"}
CELLS = re.compile(r"(?<!\\)\|")


def model_properties():
    """(model, key) -> its schema, for every key that a routes.yaml can have."""
    schema = json_schema()
    models = {"RoutesFile": schema} | schema["$defs"]
    found = {}
    for model, body in models.items():
        for key, value in body.get("properties", {}).items():
            found[model, key] = value | {"required": key in body.get("required", ())}
    return found


def documented():
    """(model, key) -> the cells of its row."""
    found = {}
    for section in re.split(r"^##+ ", REFERENCE, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        for line in section.splitlines():
            cells = [cell.strip() for cell in CELLS.split(line)[1:-1]]
            if len(cells) == 6 and cells[0].startswith("`"):
                key = cells[0].strip("`")
                model = SECTIONS.get(title)
                model = PARTS.get(key.partition(".")[0], model) if "." in key else model
                if title == "TLS for clients":
                    model = SECTIONS[title]
                model = DEEP.get(key.rpartition(".")[0], model)
                if key.startswith("rewrite."):
                    model = "SideRewrites" if key in ("rewrite.legacy", "rewrite.new") else "Rewrite"
                found[model, key.rpartition(".")[2]] = cells
    return found


def test_every_key_is_documented_and_every_documented_key_exists():
    assert set(documented()) == set(model_properties())


@pytest.mark.parametrize(("model", "key"), sorted(model_properties()))
def test_the_documented_default_is_the_one_in_force(model, key):
    value = model_properties()[model, key]
    _, kind, default, does, _, example = documented()[model, key]
    assert kind
    assert does
    assert example.startswith("`")
    assert f"{key}:" in example
    if value["required"]:
        assert default == "**required**"
    elif value["default"] is None:
        assert default == "none"
    elif isinstance(value["default"], dict):
        assert default == "`{}`"
    else:
        assert yaml.safe_load(default.strip("`")) == value["default"]


def test_documented_values_of_a_choice_are_all_there_are():
    schema = json_schema()
    for (model, key), value in model_properties().items():
        choices = value.get("enum") or schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {}).get("enum")
        if choices:
            assert documented()[model, key][1] == ", ".join(f"`{choice}`" for choice in choices)


def test_every_mapping_refuses_unknown_keys_and_every_key_is_described():
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for body in [schema, *schema["$defs"].values()]:
        if body["type"] == "object":
            assert body["additionalProperties"] is False
    assert all(value.get("description") for value in model_properties().values())


def test_the_schemas_default_of_a_percent_is_a_percent():
    loaded = load((ROOT / "routes.yaml").read_bytes())
    default = model_properties()["Log", "sample"]["default"]
    assert parse_percent(Decimal(str(default))) == loaded.routes.log.sample


def test_gateway_schema_prints_the_schema(capsys):
    print_schema()
    assert json.loads(capsys.readouterr().out) == json_schema()


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, Decimal)}


def violations(schema, value, definition, where="$"):
    """A structural reading of the schema: references, types, required and unknown keys, choices and patterns."""
    if "$ref" in definition:
        definition = schema["$defs"][definition["$ref"].rpartition("/")[2]]
    if "anyOf" in definition:
        ways = [list(violations(schema, value, way, where)) for way in definition["anyOf"]]
        return [f"{where}: no way fits"] if all(ways) else []
    kind = definition.get("type")
    if kind and (not isinstance(value, TYPES.get(kind, type(None))) or (kind != "boolean" and isinstance(value, bool))):
        return [f"{where}: is no {kind}"]
    if value not in definition.get("enum", [value]) or definition.get("const", value) != value:
        return [f"{where}: is none of the choices"]
    if isinstance(value, str) and not re.search(definition.get("pattern", ""), value):
        return [f"{where}: does not fit the pattern"]
    if isinstance(value, list):
        items = enumerate(value)
        return [bad for at, item in items for bad in violations(schema, item, definition["items"], f"{where}[{at}]")]
    return violations_of_mapping(schema, value, definition, where) if isinstance(value, dict) else []


def violations_of_mapping(schema, value, definition, where):
    found = [f"{where}: {key} is missing" for key in definition.get("required", ()) if key not in value]
    one_of = definition.get("oneOf")
    if one_of and sum(set(way["required"]) <= set(value) for way in one_of) != 1:
        found.append(f"{where}: not exactly one of")
    for key, item in value.items():
        patterns = definition.get("patternProperties", {})
        fitting = [inner for pattern, inner in patterns.items() if re.search(pattern, key)]
        rest = definition.get("additionalProperties", False)
        below = fitting[0] if fitting else definition.get("properties", {}).get(key, rest)
        found += [f"{where}.{key}: unknown"] if below is False else violations(schema, item, below, f"{where}.{key}")
    return found


def of_text(text):
    schema = json_schema()
    return violations(schema, Document(text, "routes.yaml").values, schema)


def test_the_shipped_file_fits_the_schema_and_so_does_the_example_of_the_reference():
    assert of_text((ROOT / "routes.yaml").read_text()) == []
    example = re.search(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)[1]
    assert of_text(example) == []
    loaded = load(example)
    assert loaded.faults == loaded.warnings == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [("percent: 100", "precent: 100"), ("percent: 100", "percent: [1]"), ("no_key: issue", "no_key: isue"),
     ("  auth:", "  a th:"), ("upstream: legacy}", "upstream: legacy, feature: auth}"), ("version: 1", "version: 2")],
)  # fmt: skip
def test_the_schema_refuses_what_the_loader_refuses(old, new):
    shipped = (ROOT / "routes.yaml").read_text()
    text = shipped.replace(old, new)
    assert text != shipped
    assert len(of_text(text)) == text.count(new)
    assert load(text).faults


def test_every_example_of_the_reference_is_yaml_without_a_trap():
    for (_, key), cells in documented().items():
        document = Document(cells[5].strip("`"), "example")
        assert document.faults == []
        assert list(document.values) == [key]


def test_the_faults_in_the_reference_are_what_the_program_prints():
    source, output = re.search(
        r"Of this file:\n\n```yaml\n(.*?)```.*?```text\n(.*?)\n```", REFERENCE, re.DOTALL
    ).groups()
    assert "\n".join(report(load(source, "routes.yaml"), "routes.yaml")) == output
