"""The code that encodes and decodes with a folder of the format torch, in torch alone: for its model card."""

from __future__ import annotations

from models.exchange.checkpoint import ImportedConfig

OPENED = """\
import torch
from safetensors.torch import load_file

sae = load_file("DIR/checkpoint.safetensors")
"""

LINEAR = """\
pre = (x - sae["centre"]) @ sae["encoder"].T + sae["encoder_bias"]  # x: (N, {n_features})
"""

SELECTIONS = {
    "relu": """\
codes = pre.relu()
""",
    "topk": """\
values, units = pre.relu().topk({k}, dim=1)
codes = torch.zeros_like(pre).scatter(1, units, values)
""",
    "jumprelu": """\
codes = torch.where(pre > sae["threshold"], pre.relu(), 0.0)
""",
    "gated": """\
magnitudes = (pre - sae["encoder_bias"]) * sae["gain"] + sae["magnitude_bias"]
codes = torch.where(pre > 0, magnitudes.relu(), 0.0)
""",
}
"""How units are selected -> what follows the linear encoder."""

DECODED = """\
x_hat = codes @ sae["dictionary"] + sae["bias"]"""


def code_of(config: ImportedConfig) -> str:
    """Lines from inputs `x` to `codes` and `x_hat`, of the checkpoint in the folder `DIR`."""
    if config.selection == "pursuit":
        return OPENED + "\n".join(_pursuit(config)) + "\n" + DECODED
    encoder = LINEAR + SELECTIONS[config.selection]
    return OPENED + encoder.format(n_features=config.n_features, k=config.k) + DECODED


def _pursuit(config: ImportedConfig) -> list[str]:
    """Lines of the steps of matching pursuit, with the ways to stop that the checkpoint has."""
    stops = []
    if config.stop_on_repeat:
        stops.append("    going = going & (value != 0) & (codes.gather(1, unit[:, None])[:, 0] == 0)")
    ends = [f"    going = going & (residual.norm(dim=1) >= {config.stop_norm!r})"] if config.stop_norm else []
    goes = bool(stops or ends)
    value = "value" if config.signed else "value.relu()"
    return [
        f'residual = x - sae["centre"]  # x: (N, {config.n_features})',
        f"codes = x.new_zeros(len(x), {config.n_latents})",
        *(["going = x.new_ones(len(x), dtype=torch.bool)"] if goes else []),
        f"for _ in range({config.k}):",
        '    value, unit = (residual @ sae["dictionary"].T).max(dim=1)',
        f"    value = torch.where(going, {value}, 0.0)" if goes else f"    value = {value}",
        *stops,
        "    codes.scatter_add_(1, unit[:, None], value[:, None])",
        '    residual = residual - value[:, None] * sae["dictionary"][unit]',
        *ends,
    ]
