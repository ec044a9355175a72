"""What both sides are to find: what `resumekit` finds, asked without either of them."""

import io
from datetime import UTC, datetime

from resumekit.agents import AGENTS
from resumekit.analysis import Analysis
from resumekit.extract import text_of
from tests.migration.documents import PLAIN

ANALYSIS, MATCH = "resume-analysis", "keyword-match"


def found_by_resumekit(agent, content, job_text=None, kind=PLAIN):
    text = text_of(io.BytesIO(content), kind=kind)
    analysis = Analysis(AGENTS[agent], text=text, job_text=job_text, today=datetime.now(UTC).date())
    for step in AGENTS[agent].steps[1:]:
        analysis.do(step)
    return analysis.result().model_dump(mode="json")
