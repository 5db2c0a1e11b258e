"""The case format: schema, reading, validation, typed records."""
