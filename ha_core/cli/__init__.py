"""The `ha` command: shows the cluster and gives it commands; decides nothing itself."""
