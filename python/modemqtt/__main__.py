"""``python -m modemqtt`` is the command line."""

import sys

from modemqtt.cli import main

if __name__ == "__main__":
    sys.exit(main())
