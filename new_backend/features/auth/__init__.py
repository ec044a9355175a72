"""Phase 1 of the migration: who a user is. models, schemas, repository, service, api, and tests beside them."""
