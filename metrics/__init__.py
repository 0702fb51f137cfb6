"""Metrics, one file a family; pure functions on tensors. `metrics.base` says what a metric is.

Built-ins are named lazily, so that listing them imports nothing heavy. The order is the order of the boards' columns.
"""

METRICS: dict[str, str] = {
    "fvu": "metrics.reconstruction:fvu",
    "explained_variance": "metrics.reconstruction:explained_variance",
    "mse": "metrics.reconstruction:mse",
    "sse": "metrics.reconstruction:sse",
    "psnr": "metrics.reconstruction:psnr",
    "cosine": "metrics.reconstruction:cosine",
    "neg_elbo": "metrics.likelihood:neg_elbo",
    "nll": "metrics.likelihood:nll",
    "l0": "metrics.sparsity:l0",
    "hoyer": "metrics.sparsity:hoyer",
    "dead_fraction": "metrics.units:dead_fraction",
    "always_on_fraction": "metrics.units:always_on_fraction",
    "live_units": "metrics.units:live_units",
    "density": "metrics.units:density",
    "activity_variance": "metrics.gamma:activity_variance",
    "activity_variance_share": "metrics.gamma:activity_variance_share",
    "activity_jsd": "metrics.gamma:activity_jsd",
    "gamma_variance": "metrics.gamma:gamma_variance",
    "gamma_variance_share": "metrics.gamma:gamma_variance_share",
    "gamma_jsd": "metrics.gamma:gamma_jsd",
    "global_units": "metrics.dimensions:global_units",
    "class_specific_units": "metrics.dimensions:class_specific_units",
    "exclusive_units": "metrics.dimensions:exclusive_units",
    "shared_units": "metrics.dimensions:shared_units",
    "roles": "metrics.dimensions:roles",
    "class_correlation": "metrics.correlation:class_correlation",
    "category_gap": "metrics.correlation:category_gap",
    "parameters": "metrics.cost:parameters",
    "train_seconds": "metrics.cost:train_seconds",
    "step_ms": "metrics.cost:step_ms",
    "step_gflops": "metrics.cost:step_gflops",
    "peak_memory": "metrics.cost:peak_memory",
}
