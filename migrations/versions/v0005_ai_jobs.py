"""Jobs of agents, and what happened to each, so that a job that runs on one side can be followed on the other."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "ai_jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("resume_id", sa.String(36), sa.ForeignKey("resumes.id", ondelete="CASCADE"), nullable=False),
        sa.Column("agent", sa.String(40), nullable=False),
        sa.Column("job_text", sa.Text()),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(40)),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("interruptions", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(500)),
        sa.Column("result", sa.Text()),
        sa.Column("side", sa.String(10), nullable=False),
        sa.Column("claim", sa.String(36)),
        sa.Column("lease_until", _TIME),
        sa.Column("queued_at", _TIME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
    )
    op.create_index("ix_ai_jobs_user_id_created_at", "ai_jobs", ["user_id", "created_at"])
    op.create_index("ix_ai_jobs_resume_id", "ai_jobs", ["resume_id"])
    op.create_index("ix_ai_jobs_status_queued_at", "ai_jobs", ["status", "queued_at"])
    op.create_table(
        "ai_job_events",
        sa.Column("job_id", sa.String(36), sa.ForeignKey("ai_jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(40)),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("ai_job_events")
    op.drop_table("ai_jobs")
