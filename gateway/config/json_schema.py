"""The JSON Schema of routes.yaml, for editors: `gateway schema` prints it."""

from typing import Any

from gateway.config.schema import RoutesFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Draft 2020-12, unknown keys refused, each key with its description and default."""
    schema = RoutesFile.model_json_schema(by_alias=True)
    schema["title"] = "routes.yaml"
    for value in schema["properties"].values():
        if "patternProperties" in value:  # names: pydantic leaves those that do not fit the pattern open
            value["additionalProperties"] = False
    return {"$schema": DIALECT, **schema}
