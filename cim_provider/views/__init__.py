"""What a view holds beside the cluster, its nodes and its resources: frozen values, by subject."""
