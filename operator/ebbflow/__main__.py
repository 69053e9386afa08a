"""The entry point of `ebbflow`, `kubectl ebbflow` and `python -m ebbflow`."""

from ebbflow.cli.commands import main

if __name__ == "__main__":
    main()
