"""Models in and out: the public release's checkpoints, the hub's folders, graphs for serving."""
