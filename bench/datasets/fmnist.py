"""Fashion-MNIST, 28x28, 70,000 articles of clothing, through torchvision (Xiao et al. 2017, arXiv 1708.07747)."""

from __future__ import annotations

from typing import ClassVar

from bench.datasets.mnist import MNIST


class FashionMNIST(MNIST):
    """The same splits as MNIST; footwear, tops and the rest are its categories."""

    folder: ClassVar[str] = "FashionMNIST"
    torchvision_name: ClassVar[str] = "FashionMNIST"
    class_names: ClassVar[tuple[str, ...]] = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    categories: ClassVar[tuple[str, ...] | None] = (
        *("top", "rest", "top", "rest", "top"),
        *("footwear", "top", "footwear", "rest", "footwear"),
    )
    md5: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    }
