"""What pre-training and fine-tuning share: the loop, its optimiser, run folders, checkpoints."""
