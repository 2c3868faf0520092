"""The weights that ship: `default.safetensors`, their card and their sources."""
