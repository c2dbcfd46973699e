"""`python -m ha_core.cli`: the same as `ha`."""

from ha_core.cli.main import main

main()
