"""Phase 2 of the migration: resumes and their files."""
