"""`python -m asgd`: the command."""

from .tests.command import main

if __name__ == "__main__":
    main()
