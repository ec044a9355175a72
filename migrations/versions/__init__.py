"""The steps of the schema, oldest first; a step that has been shipped is never edited."""
