"""`python -m migrations`: bring the database of DATABASE_URL to the newest schema."""

import os
import sys

from migrations.upgrade import MigrationError, upgrade

DEFAULT_DATABASE_URL = "sqlite:///./.run/app.db"


def main() -> int:
    """Exits 0 when the schema is the newest, whoever brought it there; 1 with one line that says why not."""
    try:
        revision = upgrade(os.environ.get("DATABASE_URL") or DEFAULT_DATABASE_URL)
    except MigrationError as error:
        sys.stderr.write(f"migrations: {error}\n")
        return 1
    sys.stdout.write(f"migrations: the database is at {revision}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
