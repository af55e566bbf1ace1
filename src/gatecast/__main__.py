"""``python -m gatecast`` is the command line."""

from gatecast.cli import main

main()
