"""Entry point of `python -m sparring.cli`, the form in which `torchrun` starts Sparring."""

from sparring.cli.main import main

if __name__ == "__main__":
    main()
