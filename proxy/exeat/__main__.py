"""``python -m exeat``: the command line. Must not know: anything else."""

import sys

from exeat.cli.main import main

sys.exit(main())
