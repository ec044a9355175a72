"""`gateway schema`: the JSON Schema of routes.yaml, so that editors complete and check it."""

import json

from gateway.config.json_schema import json_schema


def schema() -> None:
    """Print the JSON Schema of routes.yaml (draft 2020-12)."""
    print(json.dumps(json_schema(), indent=2))
