"""The new application, by feature: everything of one feature stands in one folder under `features/`."""
