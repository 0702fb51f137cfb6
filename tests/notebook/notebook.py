# %% [markdown]
# # An array in, a board out, a unit looked at
# Cells in the percent format, which Jupyter (by jupytext), VS Code and Spyder open as a notebook.

# %%
import numpy as np

import bench

# %% [markdown]
# 800 vectors of 16 numbers, around eight centres: any array (N, ...) will do, with labels or without.

# %%
rng = np.random.default_rng(0)
labels = rng.integers(8, size=800)
x = 10 * rng.standard_normal((8, 16))[labels] + rng.standard_normal((800, 16))

# %% [markdown]
# TopK with one and with four units a sample, three seeds each, beside PCA. The same cell again trains nothing.

# %%
sizes = {"topk.n_latents": 32, "topk.k": [1, 4], "topk.learning_rate": 0.01}
runs = bench.run("topk,pca", {"centres": (x, labels)}, 3, set=sizes, metrics="fvu,l0,probe_accuracy", verbose=False)
board = bench.leaderboard(runs)
board

# %% [markdown]
# At an equal price:

# %%
bench.leaderboard(runs, at="l0=2")

# %% [markdown]
# All numbers, to go on with:

# %%
fvu = runs[runs.metric == "fvu"].groupby(["model", "variant"]).value.mean()
runs.attrs["units"]["l0"], runs.attrs["directions"]["fvu"], fvu

# %% [markdown]
# A model, and the unit that is on most often: which samples switch it on, and what does it add to them?

# %%
model = bench.load(runs[runs.variant.str.contains("k=1")].run.iloc[0])
codes = model.encode(x)
unit = (codes != 0).sum(0).argmax()
strongest = codes[:, unit].argsort()[-20:]
adds = np.subtract(*model.decode(np.stack([np.eye(model.n_latents)[unit], np.zeros(model.n_latents)])))
labels[strongest]

# %% [markdown]
# And how does it do on samples that lie between two centres?

# %%
between = (x[:400] + x[400:]) / 2
measured = bench.evaluate(model, between, metrics="fvu,l0")
measured
