"""`python -m ha_core.sim FIRST COUNT`: run seeds and print the report as JSON."""

import json
import sys

from ha_core.sim.many import run_seeds


def main() -> int:
    """Run the seeds named on the command line; exit 1 if any shows a violation."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    report = run_seeds(first, count)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 1 if report["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
