"""The models of Parts VI and VII: what each is made of, and how it is trained.

Chapter: leaderboard.
"""

from __future__ import annotations

from typing import Any

from nnz.dilated import DilatedWaveNet
from nnz.gated import GatedWaveNet
from nnz.gpt import GPT
from nnz.model_spec import ModelSpec
from nnz.packed import whole_names
from nnz.recipe import Recipe
from nnz.recurrent import Recurrent
from nnz.rows import whole_rows
from nnz.wavenet import WaveNet


def dilated(**given: Any) -> DilatedWaveNet:
    """Return the tree of WaveNet as dilated convolutions."""
    return DilatedWaveNet(WaveNet(**given))


GATED: dict[str, Any] = {
    "n_channels": 80,
    "dilations": [1, 2, 4, 1, 2, 4],
    "dropout": 0.2,
}
WAVENETS = (
    ModelSpec(
        "wavenet-tree",
        "a tree over eight characters, two joined at a time",
        WaveNet,
        {"n_embd": 24, "n_hidden": 128},
        Recipe(rate=0.005, decay=0.05, steps=2500, batch_size=512),
    ),
    ModelSpec(
        "wavenet",
        "the same tree as dilated convolutions over whole names",
        dilated,
        {"n_embd": 24, "n_hidden": 128},
        Recipe(
            0.012, 0.12, epochs=21, batch_size=256, source=whole_names, beta=0.98
        ),
    ),
    ModelSpec(
        "gated",
        "WaveNet with gates, residual and skip connections, and dropout",
        GatedWaveNet,
        GATED,
        Recipe(0.005, 0.05, epochs=20, batch_size=160, source=whole_names),
    ),
)
CARRIED = (
    ModelSpec(
        "rnn",
        "a recurrent network of one plain cell",
        Recurrent,
        {"n_embd": 64, "n_hidden": 64, "cell": "rnn", "block_size": 16},
        Recipe(0.01, 0.05, epochs=5, batch_size=256, source=whole_names),
        whole=True,
    ),
    ModelSpec(
        "gru",
        "two layers of gated recurrent units, with dropout",
        Recurrent,
        {
            "n_embd": 96,
            "n_hidden": 192,
            "n_layers": 2,
            "dropout": 0.3,
            "block_size": 16,
        },
        Recipe(0.004, 0.1, epochs=40, batch_size=128, source=whole_names),
        whole=True,
    ),
)
LOOKED_UP = (
    ModelSpec(
        "gpt-small",
        "a GPT of one block with 4,192 weights",
        GPT,
        {"n_embd": 16, "n_head": 4, "block_size": 16},
        Recipe(0.02, 0.01, epochs=5, batch_size=128, source=whole_rows),
        whole=True,
    ),
    ModelSpec(
        "gpt",
        "a GPT of four blocks, with dropout",
        GPT,
        {
            "n_embd": 64,
            "n_head": 4,
            "n_layer": 4,
            "dropout": 0.1,
            "block_size": 16,
        },
        Recipe(0.003, 0.1, epochs=15, batch_size=64, source=whole_rows),
        whole=True,
    ),
)
