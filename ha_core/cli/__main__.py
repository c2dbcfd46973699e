"""`python -m ha_core.cli`: the same as `ha`."""

from ha_core.cli.entry import main

main()
