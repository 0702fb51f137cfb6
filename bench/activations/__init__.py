"""A backbone, a layer and inputs -> activations on disk, as `bench.datasets.extracted` reads them."""
