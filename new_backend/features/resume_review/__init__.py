"""Phase 4 of the migration: reviews of analysed resumes."""
