"""What an administrator would look for by hand: findings about a cluster and this machine."""
