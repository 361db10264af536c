"""The version, stated once; `pyproject.toml` reads it from here."""

__version__ = "5.0.0.dev1"
