"""Two test processes share the cores: each, and what it starts, computes on one thread."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import torch

torch.set_num_threads(1)
