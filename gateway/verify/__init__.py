"""The comparison script of a migration: the same requests played against legacy, new and the gateway."""
