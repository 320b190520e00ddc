"""The experiments of the leaderboard cover its networks."""

from __future__ import annotations

from nnz.experiments.leaderboard import NETWORKS
from nnz.models import MODELS


def test_every_network_of_the_leaderboard_is_recorded_here_or_with_whole_names() -> None:
    on_windows = [name for name, spec in MODELS.items() if spec.recipe and spec.recipe.steps]
    assert list(NETWORKS) == on_windows
    on_names = {name for name, spec in MODELS.items() if spec.recipe and spec.recipe.epochs}
    # dilated.long and dilated.gated; leaderboard.rnn, recurrent.large; gpt.same_numbers and gpt.larger
    assert on_names == {"wavenet", "gated", "rnn", "gru", "gpt-small", "gpt"}
