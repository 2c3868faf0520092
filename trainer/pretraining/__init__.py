"""Pre-training: masks, heads, losses, and the run that trains on them."""
