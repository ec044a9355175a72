"""Recorded requests sent to both sides and compared, by the rules and with the report that shadows have."""
