"""The commands, a module each. `sequoia.cli.group` says which there are."""
