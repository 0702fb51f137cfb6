"""What needs a GPU: `make test-gpu`. Elsewhere the same is proven by twins, fake tensors and Triton's interpreter."""
