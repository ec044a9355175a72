"""The tables, one module each; imported together so that foreign keys between them resolve."""

from legacy_backend.models.base import Base
from legacy_backend.models.comment import Comment
from legacy_backend.models.job import Job
from legacy_backend.models.job_event import JobEvent
from legacy_backend.models.login_failure import LoginFailure
from legacy_backend.models.refresh_token import RefreshToken
from legacy_backend.models.resume import Resume
from legacy_backend.models.review import Review
from legacy_backend.models.session import Session
from legacy_backend.models.user import User

__all__ = [
    "Base",
    "Comment",
    "Job",
    "JobEvent",
    "LoginFailure",
    "RefreshToken",
    "Resume",
    "Review",
    "Session",
    "User",
]
