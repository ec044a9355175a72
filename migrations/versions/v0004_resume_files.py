"""Resumes get files. An expansion: a legacy that knows nothing of the new columns goes on inserting and reading."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "resumes",
        sa.Column("content_type", sa.String(100), nullable=False, server_default="application/octet-stream"),
    )
    op.add_column("resumes", sa.Column("sha256", sa.String(64)))
    op.add_column("resumes", sa.Column("storage_key", sa.String(200)))


def downgrade() -> None:
    for column in ("storage_key", "sha256", "content_type"):
        op.drop_column("resumes", column)
