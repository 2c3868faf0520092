"""Classifying videos: fine-tuning on a labelled task, and evaluation on held-out videos."""
