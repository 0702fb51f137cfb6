"""Sparse latent models, one file each. `models.base` says what a model is.

Built-in models are given as strings, "module:class", so that listing them imports nothing heavy. Boards show their rows
in this order before they are ranked: the VAE family, the SAE family, the floors.
"""

MODELS: dict[str, str] = {
    "vae": "models.vae:VAE",
    "vsc": "models.vsc:VSC",
    "vsc-aligned": "models.vsc_aligned:AlignedVSC",
    "relu": "models.relu:ReLU",
    "jumprelu": "models.jumprelu:JumpReLU",
    "gated": "models.gated:Gated",
    "topk": "models.topk:TopK",
    "topk-l1": "models.topk_l1:TopKL1",
    "topk-l2": "models.topk_l2:TopKL2",
    "topk-hoyer": "models.topk_hoyer:TopKHoyer",
    "hierarchical-topk": "models.hierarchical_topk:HierarchicalTopK",
    "abstopk": "models.abstopk:AbsTopK",
    "batchtopk": "models.batchtopk:BatchTopK",
    "matryoshka": "models.matryoshka:Matryoshka",
    "archetypal": "models.archetypal:Archetypal",
    "vsae": "models.vsae:VSAE",
    "mp": "models.mp:MatchingPursuit",
    "omp": "models.omp:OMP",
    "pca": "models.pca:PCA",
    "nmf": "models.nmf:NMF",
    "ica": "models.ica:ICA",
    "dictionary-learning": "models.dictionary_learning:DictionaryLearning",
    "kmeans": "models.kmeans:KMeans",
    "mean": "models.mean:Mean",
    "random": "models.random_atoms:RandomAtoms",
    "identity": "models.identity:Identity",
}
