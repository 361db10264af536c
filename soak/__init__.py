"""Soak: both clients under load, with faults, for as long as one likes: `python -m soak --seconds 600`."""
