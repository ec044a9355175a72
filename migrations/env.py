"""What Alembic runs: the steps on the connection, and inside the transaction, that `migrations.upgrade` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
