"""The exercises on trees, dilated layers and the leaderboard: against torch, the book, and by trying all."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nnz import exercises as ex
from nnz.bigram import BigramCounts, Uniform
from nnz.bigram_net import BigramNet
from nnz.contract import LanguageModel
from nnz.data import windows
from nnz.dilated import DilatedWaveNet
from nnz.evaluate import by_name, nll, paired_difference
from nnz.exercises import dilated, evaluation, leaderboard, scoreboard, wavenet
from nnz.gated import GatedWaveNet
from nnz.layers import FlattenConsecutive
from nnz.ngram import KneserNey, NGramCounts
from nnz.sample import seeded
from nnz.wavenet import WaveNet

pytestmark = pytest.mark.support

FEW = ["anna", "hanna", "noa", "jo", "johanna", "ann", "noah", "ona"]


def draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


@pytest.mark.parametrize(("T", "n"), [(4, 2), (8, 2), (12, 3), (8, 4), (3, 3)])
def test_slices_are_flatten_consecutive_but_for_the_last_axis(T: int, n: int) -> None:
    x = draw(5, T, 3)
    ours = wavenet.flatten_by_strides(x, n)
    assert ours.shape == (5, T // n, 3 * n)
    expected = FlattenConsecutive(n)(x)
    assert torch.equal(ours.squeeze(1) if n == T else ours, expected)


@pytest.mark.parametrize("block_size", [2, 4, 8, 16])
@pytest.mark.parametrize(("n_embd", "n_hidden"), [(3, 5), (24, 7), (1, 1)])
def test_the_weights_are_those_of_a_tree_once_built(block_size: int, n_embd: int, n_hidden: int) -> None:
    model = WaveNet(n_embd, n_hidden, block_size, generator=seeded())
    count = sum(p.numel() for p in model.parameters())
    found = wavenet.tree_parameters(27, n_embd, n_hidden, block_size)
    assert found == count


def test_the_lecture_s_network_is_as_wide_as_its_budget_allows() -> None:
    assert wavenet.tree_parameters(27, 24, 128, 8) == 76_579
    assert wavenet.width_for(76_579, 27, 24, 8) == 128
    assert wavenet.width_for(76_578, 27, 24, 8) == 127


def test_smoothed_is_the_lecture_s_view_where_that_works() -> None:
    losses = draw(60)
    expected = losses.view(-1, 12).mean(1)
    torch.testing.assert_close(wavenet.smoothed(losses, 12), expected)
    assert wavenet.smoothed(losses, 50)[1].item() == pytest.approx(losses[50:].mean().item())


def test_the_importance_of_positions_is_torch_s_divergence() -> None:
    model = WaveNet(3, 5, 4, generator=seeded())
    contexts, _ = windows(FEW, 4)
    model.logits(contexts)  # running averages that are not those of the beginning
    order = torch.randperm(len(contexts), generator=seeded())
    for positions in ([0], [3], [1, 2], [3, 0, 1]):
        other = contexts.clone()
        other[:, positions] = contexts[order][:, positions]
        P, Q = model.log_probs(contexts), model.log_probs(other)
        expected = F.kl_div(Q, P, log_target=True, reduction="batchmean").item()
        found = wavenet.joint_importance(model.log_probs, contexts, positions, order)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_what_is_not_read_or_not_changed_has_no_importance() -> None:
    pairs = BigramCounts(k=1).fit(FEW)
    contexts, _ = windows(FEW, 3)
    order = torch.arange(len(contexts)).flip(0)

    def last(given: Tensor) -> Tensor:
        return pairs.log_probs(given[:, -1:])

    found = [wavenet.joint_importance(last, contexts, positions, order) for positions in ([0], [0, 1], [2])]
    assert found[:2] == [0, 0]
    assert found[2] > 0.1
    same = torch.arange(len(contexts))
    assert wavenet.joint_importance(last, contexts, [1, 2], same) == 0


def stacked(x: Tensor, kernel: int, dilations: list[int]) -> Tensor:
    for dilation in dilations:
        weight = torch.ones(1, 1, kernel, dtype=x.dtype)
        x = dilated.causal_conv(x, weight, torch.zeros(1, dtype=x.dtype), dilation)
    return x


@pytest.mark.parametrize(
    ("kernel", "dilations"), [(2, [1, 2, 4]), (3, [1, 2]), (2, [1, 2, 1, 2]), (4, [3]), (1, [1, 1])]
)
def test_the_receptive_field_is_how_far_a_gradient_goes(kernel: int, dilations: list[int]) -> None:
    x = torch.zeros(1, 1, 40, dtype=torch.float64, requires_grad=True)
    stacked(x, kernel, dilations)[0, 0, 30].backward()
    assert x.grad is not None
    reached = x.grad[0, 0].nonzero()[:, 0]
    assert int(reached.max()) == 30
    field = dilated.receptive_field(kernel, dilations)
    assert 30 - int(reached.min()) + 1 == field


def test_the_convolution_sees_no_future_and_all_it_may_of_the_past() -> None:
    weight, bias = draw(2, 3, 4), draw(2, seed=2)
    x = draw(1, 3, 12, seed=3).requires_grad_()
    y = dilated.causal_conv(x, weight, bias, 2)
    assert y.shape == (1, 2, 12)
    for t in range(12):
        (slope,) = torch.autograd.grad(y[0, :, t].sum(), x, retain_graph=True)
        seen = slope[0].abs().sum(0).nonzero()[:, 0].tolist()
        assert seen == [s for s in range(t + 1) if (t - s) % 2 == 0 and t - s <= 6]


def test_the_convolution_is_a_level_of_a_stack_along_a_name() -> None:
    weight, x = draw(5, 3, 2), draw(4, 3, 9, seed=2)
    ours = dilated.causal_conv(x, weight, torch.zeros(5, dtype=x.dtype), 4)
    left = F.pad(x, (4, 0))[:, :, :9]
    linear = torch.cat([weight[:, :, 0], weight[:, :, 1]], dim=1)  # (5, 6)
    pairs = torch.cat([left, x], dim=1).transpose(1, 2)
    torch.testing.assert_close(ours, (pairs @ linear.T).transpose(1, 2))


def test_the_places_are_counted_anew_in_each_name() -> None:
    lengths = torch.tensor([len(name) for name in FEW])
    counted = torch.tensor([place for name in FEW for place in range(len(name))])
    assert torch.equal(dilated.packed_places(lengths), counted)


@pytest.mark.parametrize("stack", [[1, 2, 4], [1, 2], [3, 1, 2], [1]])
def test_no_fewer_stacks_see_that_far(stack: list[int]) -> None:
    for length in range(2, 40):
        enough = (stack * n for n in itertools.count(1) if dilated.receptive_field(2, stack * n) >= length)
        assert dilated.dilations_for(length, stack) == next(enough)


def test_the_gate_is_that_of_the_gated_network() -> None:
    block: Any = GatedWaveNet(6, (1, 2), generator=seeded()).blocks.layers[0]
    left = draw(7, 6).float()
    now = draw(7, 6, seed=2).float()
    normed = block.norm(left), block.norm(now)
    z = dilated.gated(*normed, block.pair.weight, block.pair.bias)
    onward, skip = block.out(z).chunk(2, dim=-1)
    found = block.join(left, now)
    torch.testing.assert_close(found, (now + onward, skip))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.99, 1.0])
def test_the_nucleus_is_that_of_a_search_through_all(p: float) -> None:
    probs = draw(6, 7).mul(2).softmax(dim=1)
    found = dilated.top_p(probs, p)
    for row, ours in zip(probs, found, strict=True):
        sets = itertools.chain.from_iterable(itertools.combinations(range(7), size) for size in range(1, 8))
        enough = [s for s in sets if row[list(s)].sum() >= p - 1e-12]
        fewest = min(map(len, enough))
        best = max((s for s in enough if len(s) == fewest), key=lambda s: row[list(s)].sum())
        expected = torch.zeros_like(row)
        expected[list(best)] = row[list(best)] / row[list(best)].sum()
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("B", "n_in", "H"), [(1, 1, 1), (4, 3, 5), (2, 7, 2)])
def test_the_step_of_a_gated_recurrent_unit_is_torch_s(B: int, n_in: int, H: int) -> None:
    W, U = draw(n_in, 3 * H), draw(H, 3 * H, seed=2)
    b, c, x, h = draw(3 * H, seed=3), draw(3 * H, seed=4), draw(B, n_in), draw(B, H)
    cell = torch.nn.GRUCell(n_in, H, dtype=torch.float64)
    with torch.no_grad():
        for weight, value in (
            (cell.weight_ih, W.T),
            (cell.weight_hh, U.T),
            (cell.bias_ih, b),
            (cell.bias_hh, c),
        ):
            weight.copy_(value)
        expected = cell(x, h)
    torch.testing.assert_close(leaderboard.gru_step(x, h, W, U, b, c), expected)


def test_the_front_has_the_best_of_each_size_and_nothing_else() -> None:
    sizes = torch.randint(1, 8, (40,), generator=seeded()).tolist()
    losses = torch.randint(1, 20, (40,), generator=seeded(2)).tolist()
    front = leaderboard.pareto_front(sizes, losses)
    best: dict[int, int] = {}
    for size in range(1, 8):
        at_most = [x for s, x in zip(sizes, losses, strict=True) if s <= size]
        best[size] = min(at_most, default=99)
    expected = [
        i
        for i, (s, x) in enumerate(zip(sizes, losses, strict=True))
        if x == best[s] and (s == 1 or best[s - 1] > x)
    ]
    assert front == expected


def test_the_error_of_a_difference_is_near_the_bootstrap_s(sample: list[str]) -> None:
    train, dev = sample[:1500], sample[1500:2100]
    first, second = NGramCounts(2, 0.1).fit(train), NGramCounts(3, 0.1).fit(train)
    (a, lengths), (b, _) = by_name(first, dev), by_name(second, dev)
    found = leaderboard.paired_error(a, b, lengths)
    assert found == pytest.approx(evaluation.standard_error(a - b, lengths), rel=1e-12)
    drawn = paired_difference(first, second, dev, generator=seeded())
    assert found == pytest.approx(drawn.standard_error, rel=0.15)


@pytest.mark.parametrize("names", [["a"], ["jo", "al"], FEW, FEW * 40])
def test_three_discounts_are_a_distribution_on_lists_of_any_length(names: list[str]) -> None:
    model = leaderboard.beat(names)
    contexts, _ = windows([*names, "zzzzzzz"], model.block_size)
    sums = model.log_probs(contexts).exp().sum(dim=1)
    torch.testing.assert_close(sums, torch.ones_like(sums))
    assert nll(model, ["zoe", "qx"]) < 10


MODELS: list[Callable[[], LanguageModel]] = [
    Uniform,
    lambda: BigramNet(generator=seeded()),
    lambda: KneserNey(3, 0.8).fit(FEW),
    lambda: WaveNet(3, 5, 4, generator=seeded()),
    lambda: DilatedWaveNet(WaveNet(3, 5, 4, generator=seeded())),
    lambda: GatedWaveNet(4, (1, 2), dropout=0.5, generator=seeded()),
]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("mode", [True, False])
def test_the_book_s_models_keep_to_the_contract_and_their_mode(
    make: Callable[[], LanguageModel], mode: bool
) -> None:
    model: Any = make()
    if hasattr(model, "train"):
        model.train(mode)
    scoreboard.check_contract(model, FEW)
    if hasattr(model, "modules"):
        assert all(module.training == mode for module in model.modules())


def test_a_model_is_scored_on_two_lists_beside_the_table() -> None:
    model, table = leaderboard.beat(FEW), KneserNey(6, 0.85).fit(FEW)
    dev = ["hanno", "jona", "nora"]
    result = ex.beat.score(model, FEW, dev)
    gap = nll(model, dev) - nll(table, dev)
    assert result.state == ("right" if gap < 0 else "wrong")
    text = str(result)
    assert f"dev loss: {nll(model, dev):.4f} nats per character, on 3 names" in text
    assert f"fitted to the same 8 names: {nll(table, dev):.4f}" in text
    assert f"{'better' if gap < 0 else 'worse'} by {abs(gap):.4f} ± " in text
    assert "lecture" not in text
    assert ex.beat.score(table, FEW, dev).state == "wrong"


def test_a_model_in_the_place_of_a_function_is_scored_on_the_whole_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(FEW * 5), encoding="utf-8")
    monkeypatch.setenv("NNZ_NAMES", str(path))
    result = ex.beat.check(Uniform())
    assert result.state == "wrong"
    assert result.text == ex.beat.score(Uniform()).text
    assert "on 4 names" in result.text
    assert "same 32 names" in result.text


def test_the_lecture_s_loss_is_told_for_its_names_alone(
    monkeypatch: pytest.MonkeyPatch, sample: list[str]
) -> None:
    monkeypatch.setattr(scoreboard, "load_names", lambda: sample[:200])
    monkeypatch.setattr(scoreboard, "locate", lambda: type("Source", (), {"is_reference": True}))
    assert "the lecture's network has 1.993" in ex.beat.score(Uniform()).text


class Raising:
    """A model that raises."""

    block_size = 1
    vocabulary = Uniform().vocabulary

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def log_probs(self, contexts: Tensor) -> Tensor:
        raise self.error


def test_what_a_scored_model_raises_is_told() -> None:
    result = ex.beat.score(Raising(RuntimeError("no weights")), FEW, FEW)
    assert result.state == "error"
    assert "RuntimeError: no weights" in result.text
    assert "test_wavenet_exercises.py, line" in result.text
    assert ex.beat.score(Raising(SystemExit(1)), FEW, FEW).state == "error"
    with pytest.raises(KeyboardInterrupt):
        ex.beat.score(Raising(KeyboardInterrupt()), FEW, FEW)


@pytest.mark.parametrize("thing", [None, 3, object(), KneserNey, "model", []])
def test_what_is_no_model_is_told_so(thing: object) -> None:
    result = ex.beat.score(thing, FEW, FEW)
    assert result.state == "wrong"
    assert "not a model of the contract" in result.text


def test_one_list_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="both train and dev"):
        ex.beat.score(Uniform(), FEW)
    with pytest.raises(ValueError, match="both train and dev"):
        ex.beat.score(Uniform(), dev=FEW)


def test_an_answer_is_fitted_once_and_told_how_much_better_it_is() -> None:
    calls = []

    def answer(names: list[str]) -> LanguageModel:
        calls.append(len(names))
        return leaderboard.beat(names)

    result = ex.beat.check(answer)
    assert result.state == "right"
    assert calls == [2000]
    assert "better by 0.0" in result.text
    assert "on 500 names" in result.text
