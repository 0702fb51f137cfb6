"""Data sets, one file each. `bench.datasets.base` says what a data set is; built-ins are named lazily."""

DATASETS: dict[str, str] = {
    "digits": "bench.datasets.digits:Digits",
    "mnist": "bench.datasets.mnist:MNIST",
    "fmnist": "bench.datasets.fmnist:FashionMNIST",
    "cifar10": "bench.datasets.cifar10:CIFAR10",
    "factors": "bench.datasets.factors:Factors",
    "hierarchy": "bench.datasets.hierarchy:Hierarchy",
    "hierarchy-correlated": "bench.datasets.hierarchy:CorrelatedHierarchy",
}
