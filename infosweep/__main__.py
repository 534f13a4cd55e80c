"""`python -m infosweep` is the command `infosweep`."""

from infosweep.cli import main

if __name__ == "__main__":
    main()
