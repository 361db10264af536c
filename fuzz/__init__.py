"""Hostile input for everything that parses: `make fuzz` runs it for long, `make test` a short and repeatable part."""
