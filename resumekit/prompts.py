"""What an OpenAI-compatible server is asked. Both sides' AI providers send it."""

import json

from resumekit.agents import Agent
from resumekit.results import result_type


def messages(agent: Agent, *, text: str, job_text: str | None) -> list[dict[str, str]]:
    """The system message (the task, the schema of the answer) and the user's (the resume, the advertisement)."""
    schema = json.dumps(result_type(agent).model_json_schema())
    user = f"Resume:\n{text}" + (f"\n\nAdvertisement:\n{job_text}" if job_text else "")
    return [
        {"role": "system", "content": f"{agent.description} Answer with JSON that fits this schema: {schema}"},
        {"role": "user", "content": user},
    ]
