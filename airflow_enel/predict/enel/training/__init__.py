"""Training and evaluation of the Enel network. The only package that may import torch."""
