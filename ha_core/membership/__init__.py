"""Who is there: signs of life over several links, and the leases that follow from them."""
