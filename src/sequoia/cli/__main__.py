"""`python -m sequoia.cli`: the command line without its installed script."""

from sequoia.cli import main

if __name__ == "__main__":
    main()
