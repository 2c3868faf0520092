"""Public tokenizers from local files: DALL-E, FLAVA, VQGAN, Cosmos."""
