"""`python -m imbik` is `imbik`."""

from imbik.cli.main import main

if __name__ == "__main__":
    main()
