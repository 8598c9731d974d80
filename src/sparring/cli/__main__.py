"""`python -m sparring.cli`, as `torchrun` starts it."""

from sparring.cli.main import main

if __name__ == "__main__":
    main()
