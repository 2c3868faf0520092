"""What training and evaluation draw from a store: clips, their order, and loaders."""
