"""The papers' claims, a file a paper; `bench claims` runs the models that they need and says which claims hold here.

Claims V use the paper's sizes and batches, and the hierarchy uses those of its paper. The others use smaller ones: 64
units for alignment, 256 units for the SAEs, and batches of 128. The effect of a claim in several parts has them all:
each must hold. Where a paper can be read in two ways, each has a claim.
"""

from bench.claims.catalogue import alignment, penalties, pursuit, sparse_coding, variational_sae

CLAIMS = (*alignment.CLAIMS, *sparse_coding.CLAIMS, *pursuit.CLAIMS, *variational_sae.CLAIMS, *penalties.CLAIMS)
