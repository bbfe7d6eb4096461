"""`python -m guard` is `guard`."""

from guard.cli.main import main

if __name__ == "__main__":
    main()
