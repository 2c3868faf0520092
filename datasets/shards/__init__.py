"""Token shards: the forms their files take, writing one and reading it back."""
