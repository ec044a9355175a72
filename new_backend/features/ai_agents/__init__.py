"""Phase 3 of the migration: jobs of AI agents, and following them while they run.

models, schemas, repository, service and api as in every feature; `runner` does the jobs, `stream` tells of them.
"""
