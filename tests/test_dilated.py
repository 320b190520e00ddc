"""The tree and the dilated network are one function; nothing looks ahead; and a cache writes the same names."""

from __future__ import annotations

import math
import re
from itertools import combinations
from string import ascii_lowercase
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from against_torch import close
from held import copied, unchanged
from nnz.data import LETTERS, Vocabulary, windows
from nnz.dilated import CHUNK, Cache, CausalStack, DilatedWaveNet, batch_norm, join
from nnz.gated import GatedWaveNet
from nnz.layers import Linear, TensorModule, evaluating
from nnz.norms import BatchNorm1d
from nnz.packed import pack
from nnz.sample import MAX_LENGTH, sample_names, seeded
from nnz.wavenet import WaveNet

M = TypeVar("M", bound=TensorModule)

V = len(LETTERS)
NAME = st.text(ascii_lowercase, min_size=1, max_size=24)
NAMES = st.lists(NAME, min_size=1, max_size=5)
SEEDS = st.integers(0, 2**31)
SIZES = st.sampled_from([2, 4, 8, 16])
DILATIONS = st.lists(st.integers(1, 6), min_size=1, max_size=4)
DOUBLE = torch.float64


def oddly(model: M, seed: int = 1, dtype: torch.dtype = DOUBLE) -> M:
    """Give a model other weights and running averages, all odd, and set evaluation mode."""
    g = seeded(seed)
    for name, tensor in model.tensors():
        odd = 0.1 + 0.7 * torch.randn(tensor.shape, generator=g)
        tensor.data = (0.2 + odd.square() if "var" in name else odd).to(dtype)
    model.eval()
    return model


def tree_of(block_size: int, **kwargs: Any) -> WaveNet:
    return oddly(WaveNet(3, 6, block_size, generator=seeded()), **kwargs)


def gated_of(*dilations: int, **kwargs: Any) -> GatedWaveNet:
    return oddly(GatedWaveNet(16, dilations, generator=seeded()), **kwargs)


def models(block_size: int, dilations: list[int], seed: int) -> list[CausalStack]:
    """Make one stack of each kind."""
    tree = tree_of(block_size, seed=seed)
    return [DilatedWaveNet(tree), gated_of(*dilations, seed=seed)]


def offsets(model: CausalStack) -> set[int]:
    """Return how far left of a position the characters stand on which its output depends."""
    d = model.dilations
    return {
        sum(some) for k in range(len(d) + 1) for some in combinations(d, k)
    }  # from 0, as each layer either looks left or not


def other_letter(index: Tensor, by: int) -> Tensor:
    """Return another letter than the one with this index."""
    return 1 + (index - 1 + by) % (V - 1)


# One function


@settings(max_examples=60)
@given(NAMES, SIZES, SEEDS, st.booleans())
def test_the_tree_and_the_dilated_network_give_the_same_logits(
    names: list[str], block_size: int, seed: int, double: bool
) -> None:
    dtype, atol = (DOUBLE, 1e-12) if double else (torch.float32, 1e-5)
    tree = tree_of(block_size, seed=seed, dtype=dtype)
    model = DilatedWaveNet(tree)
    X, Y = windows(names, block_size)
    batch, targets = pack(names)
    expected = tree.logits(X)
    assert expected.dtype == dtype
    assert torch.equal(targets, Y)
    close(model.logits(batch), expected, atol)
    close(model.logits(X), expected, atol)
    close(model.log_probs(X), tree.log_probs(X), atol)


@settings(max_examples=30)
@given(NAMES, DILATIONS, SEEDS)
def test_a_gated_network_gives_the_same_logits_for_names_and_for_contexts(
    names: list[str], dilations: list[int], seed: int
) -> None:
    model = gated_of(*dilations, seed=seed)
    assert model.block_size == 1 + sum(dilations)
    X, _ = windows(names, model.block_size)
    close(model.logits(pack(names)[0]), model.logits(X))


@settings(max_examples=15)
@given(NAMES, SIZES, SEEDS)
def test_the_tree_and_the_dilated_network_have_the_same_slopes(
    names: list[str], block_size: int, seed: int
) -> None:
    tree = tree_of(block_size, seed=seed)
    model, weights = DilatedWaveNet(tree), tree.parameters()
    X, Y = windows(names, block_size)
    expected = torch.autograd.grad(F.cross_entropy(tree.logits(X), Y), weights)
    loss = F.cross_entropy(model.logits(pack(names)[0]), Y)
    for ours, theirs in zip(torch.autograd.grad(loss, weights), expected, strict=True):
        close(ours, theirs, 1e-11)


@settings(max_examples=20)
@given(SIZES, DILATIONS, SEEDS, st.integers(0, 9))
def test_a_long_context_has_the_logits_of_each_window_in_it(
    block_size: int, dilations: list[int], seed: int, more: int
) -> None:
    for model in models(block_size, dilations, seed):
        T = model.block_size + more
        contexts = torch.randint(V, (3, T), generator=seeded(seed))
        out = model.over_contexts(contexts)
        assert out.shape == (3, more + 1, V)
        for i in range(more + 1):
            window = contexts[:, i : i + model.block_size]
            close(out[:, i], model.logits(window))


def test_the_dilated_network_has_the_tree_s_own_weights() -> None:
    tree = tree_of(8)
    model = DilatedWaveNet(tree)
    assert model.dilations == (1, 2, 4)
    assert model.block_size == 8
    assert model.vocabulary is tree.vocabulary
    for p, q in zip(model.parameters(), tree.parameters(), strict=True):
        assert p is q
    X = torch.randint(V, (5, 8), generator=seeded())
    before = model.logits(X)
    with torch.no_grad():
        tree.parameters()[-1][3] += 1
    assert not torch.equal(model.logits(X), before)
    close(model.logits(X), tree.logits(X))


def test_in_training_batch_norm_sees_other_rows() -> None:
    """A beginning that many windows of the tree read stands once in packed names, and the padding once for all."""
    names = ["emma", "olivia", "ava"]
    tree = WaveNet(3, 6, 8, generator=seeded())
    model, X = DilatedWaveNet(tree), windows(names, 8)[0]
    ours, theirs = model.logits(pack(names)[0]), tree.logits(X)
    assert ours.shape == theirs.shape
    assert not torch.allclose(ours, theirs, atol=1e-3)
    tree.eval()
    close(model.logits(pack(names)[0]), tree.logits(X), 1e-5)


def test_many_contexts_are_run_in_parts() -> None:
    tree = tree_of(4)
    X = torch.randint(V, (2 * CHUNK + 3, 4), generator=seeded())
    close(DilatedWaveNet(tree).log_probs(X), tree.log_probs(X))


# Nothing looks ahead


def changed_outputs(model: CausalStack, names: list[str], k: int, j: int, by: int) -> list[set[int]]:
    """Return for each name which of its outputs change by a single bit, if letter j of name k does.

    It changes with all names that have the same beginning up to it, since they share its row.
    """
    batch, _ = pack(names)
    row = batch.rows[sum(len(name) + 1 for name in names[:k]) + j + 1]
    tokens = batch.tokens.clone()
    tokens[row] = other_letter(tokens[row], by)
    one, two = model.logits(batch), model.logits(batch._replace(tokens=tokens))
    differs = (one != two).any(dim=1)
    parts = differs.split([len(name) + 1 for name in names])
    return [set(part.nonzero()[:, 0].tolist()) for part in parts]


@settings(max_examples=50)
@given(st.data(), NAMES, SIZES, DILATIONS, SEEDS)
def test_a_letter_changes_later_outputs_of_names_that_have_it_within_reach_and_no_other(
    data: st.DataObject, names: list[str], block_size: int, dilations: list[int], seed: int
) -> None:
    k = data.draw(st.integers(0, len(names) - 1))
    j = data.draw(st.integers(0, len(names[k]) - 1))
    by = data.draw(st.integers(1, V - 2))
    for model in models(block_size, dilations, seed):
        found = changed_outputs(model, names, k, j, by)
        reached = {j + 1 + offset for offset in offsets(model)}
        assert max(reached) - j == model.block_size
        for name, outputs in zip(names, found, strict=True):
            alike = name[: j + 1] == names[k][: j + 1]
            assert outputs <= (reached if alike else set())


@pytest.mark.parametrize("j", [0, 1, 5, 11, 19])
@pytest.mark.parametrize("dilations", [(1,), (5,), (1, 2, 4), (3, 3), (4, 1, 2)])
def test_every_output_within_reach_does_change(dilations: tuple[int, ...], j: int) -> None:
    names = ["bob", "abcdefghijklmnopqrst", "zoe"]
    chosen: list[CausalStack] = [gated_of(*dilations)]
    if dilations == (1, 2, 4):
        chosen.append(DilatedWaveNet(tree_of(8)))
    for model in chosen:
        reached = {j + 1 + offset for offset in offsets(model)}
        found = changed_outputs(model, names, 1, j, 7)
        assert found == [set(), reached & set(range(21)), set()]


@settings(max_examples=30)
@given(st.data(), SIZES, DILATIONS, SEEDS, st.integers(0, 9))
def test_a_character_of_a_long_context_changes_no_output_before_it(
    data: st.DataObject, block_size: int, dilations: list[int], seed: int, more: int
) -> None:
    for model in models(block_size, dilations, seed):
        T = model.block_size + more
        place = data.draw(st.integers(0, T - 1))
        contexts = torch.randint(1, V, (2, T), generator=seeded(seed))
        changed = contexts.clone()
        changed[0, place] = other_letter(changed[0, place], 3)
        one, two = model.over_contexts(contexts), model.over_contexts(changed)
        differs = (one != two).any(dim=2)  # (2, more + 1)
        found = set(differs[0].nonzero()[:, 0].tolist())
        first = model.block_size - 1  # where the first output stands
        assert found <= {place + offset - first for offset in offsets(model)}
        assert not differs[1].any()


@settings(max_examples=20)
@given(NAMES, SIZES, DILATIONS, SEEDS)
def test_names_in_one_batch_do_not_change_one_another(
    names: list[str], block_size: int, dilations: list[int], seed: int
) -> None:
    for model in models(block_size, dilations, seed):
        together = model.logits(pack(names)[0])
        alone = torch.cat([model.logits(pack([name])[0]) for name in names])
        close(together, alone)


# Two padded inputs, and what torch has for them


def over_zeros(model: CausalStack, name: str) -> Tensor:
    """Run a stack over `END` and a name, with zeros to the left in every layer, as `padding=` in torch has it."""

    def pair(i: int, x: Tensor) -> tuple[Tensor, Tensor]:
        zeros = torch.zeros(model.dilations[i], x.shape[1], dtype=x.dtype)
        return torch.cat([zeros, x])[: len(x)], x

    return model.run(torch.tensor([0, *LETTERS.encode(name)]), pair)


@pytest.mark.parametrize("block_size", [2, 4, 8, 16])
def test_zeros_to_the_left_of_each_layer_are_not_the_tree(block_size: int) -> None:
    tree = tree_of(block_size)
    right = tree.logits(windows([ascii_lowercase], block_size)[0])
    wrong = over_zeros(DilatedWaveNet(tree), ascii_lowercase)
    far = (wrong - right).abs().amax(dim=1)
    assert (far[: block_size - 1] > 1e-3).all()  # at the beginning of the name
    assert (far[block_size - 1 :] < 1e-12).all()  # where no zero is in reach


@pytest.mark.parametrize("block_size", [2, 4, 8, 16])
def test_a_level_is_a_convolution_of_torch(block_size: int) -> None:
    tree = tree_of(block_size)
    model = DilatedWaveNet(tree)
    batch, _ = pack([ascii_lowercase])
    x = model.embed(batch.tokens)  # (27, C), the padding first
    for i, d in enumerate(model.dilations):
        weight = tree.net.layers[4 * i + 2].parameters()[0]  # (2C, H)
        kernel = torch.stack(weight.chunk(2), dim=-1).transpose(0, 1)  # (H, C, 2)
        padded = torch.cat([x[:1].expand(d, -1), x]).T[None]  # (1, C, d + 27)
        y = F.conv1d(padded, kernel, dilation=d)[0].T  # (27, H)
        left = batch.left(x, d)
        close(torch.cat([left, x], dim=1) @ weight, y)
        norm = tree.net.layers[4 * i + 3]
        assert isinstance(norm, BatchNorm1d)
        averages = norm.running_mean, norm.running_var
        y = torch.tanh(F.batch_norm(y, *averages, norm.weight, norm.bias))
        close(model.level(i, left, x)[0], y)
        x = y
    close(model.head(x, []), model.along_names(batch))


# A cache


@settings(max_examples=25)
@given(st.data(), SIZES, DILATIONS, SEEDS, st.integers(1, 30), st.integers(0, 4))
def test_each_step_of_a_cache_is_a_row_of_the_packed_names(
    data: st.DataObject, block_size: int, dilations: list[int], seed: int, length: int, n: int
) -> None:
    word = st.text(ascii_lowercase, min_size=length, max_size=length)
    names = data.draw(st.lists(word, min_size=n, max_size=n))
    for model in models(block_size, dilations, seed):
        cache = Cache(model, n)
        tokens = torch.tensor([[0, *LETTERS.encode(name)] for name in names])
        tokens = tokens.reshape(n, length + 1).long()
        steps = [cache.step(column) for column in tokens.T]
        assert all(step.shape == (n, V) for step in steps)
        assert not any(step.requires_grad for step in steps)
        if n:
            expected = model.logits(pack(names)[0]).log_softmax(1)
            close(torch.stack(steps, dim=1).flatten(0, 1), expected.detach())


def test_a_cache_in_32_bits_is_as_near_as_they_allow() -> None:
    name = "abcdefghijklmnopqrstuvwxyz"
    tree = tree_of(8, dtype=torch.float32)
    for model in (DilatedWaveNet(tree), gated_of(1, 2, 4, dtype=torch.float32)):
        cache = Cache(model, 1)
        expected = model.logits(pack([name])[0]).log_softmax(1).detach()
        for index, row in zip([0, *LETTERS.encode(name)], expected, strict=True):
            close(cache.step(torch.tensor([index]))[0], row, 1e-5)


class Counting(GatedWaveNet):
    """A stack that keeps the shapes of what its levels are given."""

    def level(self, i: int, left: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        self.seen = [*getattr(self, "seen", []), (i, left.shape, now.shape)]
        return super().level(i, left, now)


def test_a_step_runs_each_layer_once_for_one_position() -> None:
    model = Counting(4, (1, 2, 4, 8, 16), generator=seeded())
    model.eval()
    cache = Cache(model, 3)
    assert [ring.shape for ring in cache.rings] == [(d, 3, 4) for d in model.dilations]
    once = [(i, (3, 4), (3, 4)) for i in range(5)]
    assert model.seen == once  # the padding
    for _ in range(40):
        model.seen = []
        cache.step(torch.tensor([1, 2, 3]))
        assert model.seen == once
    assert [len(ring) for ring in cache.rings] == [1, 2, 4, 8, 16]  # no more


def test_writing_runs_each_layer_once_for_each_character_read_or_drawn() -> None:
    model = Counting(4, (1, 2, 4), generator=seeded())
    names = sample_names(model, 6, generator=seeded(), prompt="abcd")
    longest = max(map(len, names))
    characters = 1 + min(longest + 1, 4 + MAX_LENGTH)  # the padding, the start ...
    assert len(model.seen) == 3 * characters
    assert {shape for _, *shapes in model.seen for shape in shapes} == {(6, 4)}


# Writing names


def from_contexts(model: CausalStack, n: int, **how: Any) -> list[str]:
    """Draw names from nothing but the contract, so that whole contexts have to be given."""
    facts = {"vocabulary": model.vocabulary, "block_size": model.block_size}
    return sample_names(SimpleNamespace(log_probs=model.log_probs, **facts), n, **how)


def ending(model: CausalStack, push: float) -> CausalStack:
    """Make the end of a name likelier, so that names are not too long, or much less likely."""
    with torch.no_grad():
        model.parameters()[-1][0] += push
    return model


@settings(max_examples=14)
@given(
    block_size=SIZES,
    dilations=DILATIONS,
    seed=SEEDS,
    n=st.sampled_from([0, 1, 3, 50]),
    temperature=st.sampled_from([1.0, 0.4, 2.5]),
    top_k=st.sampled_from([None, 27, 12, 1]),
    prompt=st.text(ascii_lowercase, max_size=12),
)
def test_a_cache_writes_the_names_that_are_sampled_without_one(
    block_size: int,
    dilations: list[int],
    seed: int,
    n: int,
    temperature: float,
    top_k: int | None,
    prompt: str,
) -> None:
    for model in models(block_size, dilations, seed):
        ending(model, 2.0)
        ours, theirs = (
            write(model, n, generator=seeded(seed), temperature=temperature, top_k=top_k, prompt=prompt)
            for write in (sample_names, from_contexts)
        )
        assert ours == theirs
        assert len(ours) == n
        assert all(name.startswith(prompt) for name in ours)


@pytest.mark.parametrize("seed", range(5))
def test_the_tree_itself_samples_what_its_convolution_writes(seed: int) -> None:
    tree = WaveNet(4, 8, 8, generator=seeded(seed))
    with torch.no_grad():
        tree.parameters()[-1][0] += 1.5
    expected = sample_names(tree, 9, generator=seeded(seed), prompt="a")
    model = DilatedWaveNet(tree)
    assert sample_names(model, 9, generator=seeded(seed), prompt="a") == expected
    assert len(set(expected)) > 1


def test_the_generators_are_left_in_the_same_state() -> None:
    model, states = gated_of(1, 3), []
    for write in (sample_names, from_contexts):
        g = seeded(4)
        write(model, 5, generator=g)
        states.append(g.get_state())
    assert torch.equal(*states)
    before = torch.get_rng_state()
    sample_names(model, 5, generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_an_empty_prompt_is_the_same_as_none() -> None:
    model = gated_of(1, 3)
    names = sample_names(model, 20, generator=seeded())
    assert names == sample_names(model, 20, generator=seeded(), prompt="")
    assert len(set(names)) > 10


def test_a_name_that_does_not_end_is_cut_where_sampling_cuts_it() -> None:
    model = ending(gated_of(1, 3), -1e4)
    names = sample_names(model, 2, generator=seeded())
    assert [len(name) for name in names] == [MAX_LENGTH] * 2
    for prompt in ("", "abc"):
        ours, theirs = (
            write(model, 2, generator=seeded(), prompt=prompt) for write in (sample_names, from_contexts)
        )
        assert ours == theirs


def test_names_are_written_in_the_model_s_own_alphabet() -> None:
    french = Vocabulary(["zoé", "noël"])
    tree = WaveNet(3, 6, 4, generator=seeded(), vocabulary=french)
    gated = GatedWaveNet(4, (2, 1), generator=seeded(), vocabulary=french)
    for model in (DilatedWaveNet(oddly(tree)), oddly(gated)):
        names = sample_names(model, 20, generator=seeded(), prompt="né")
        assert names == from_contexts(model, 20, generator=seeded(), prompt="né")
        assert set("".join(names)) <= set("zoénoël")
        with pytest.raises(ValueError, match="'a' in 'a' is not in the vocabulary"):
            sample_names(model, 2, generator=seeded(), prompt="a")


# Modes


def mixed(model: CausalStack) -> list[bool]:
    """Set training mode but in one module; return all modes."""
    model.train()
    next(reversed(list(model.modules()))).training = False
    modes = [m.training for m in model.modules()]
    assert modes.count(False) == 1
    return modes


def test_each_module_is_left_in_its_mode() -> None:
    dilated = DilatedWaveNet(tree_of(4))
    for model in (dilated, oddly(GatedWaveNet(4, dropout=0.5, generator=seeded()))):
        X = torch.randint(V, (5, model.block_size), generator=seeded())
        expected = model.log_probs(X)
        names = sample_names(model, 5, generator=seeded())
        before = copied(model)
        modes = mixed(model)
        assert torch.equal(model.log_probs(X), expected)  # without dropout
        assert sample_names(model, 5, generator=seeded()) == names
        assert [m.training for m in model.modules()] == modes
        assert unchanged(model, before)


def test_modes_come_back_after_an_error() -> None:
    class Failing(GatedWaveNet):
        def head(self, x: Tensor, skips: list[Tensor]) -> Tensor:
            assert not any(m.training for m in self.modules())
            raise OSError("no power")

    model = Failing(4, (1, 2), generator=seeded())
    modes = mixed(model)
    with pytest.raises(OSError, match="no power"):
        sample_names(model, 3, generator=seeded())
    assert [m.training for m in model.modules()] == modes
    with pytest.raises(OSError, match="no power"):
        model.log_probs(torch.zeros(2, 4, dtype=torch.int64))
    assert [m.training for m in model.modules()] == modes
    sound = GatedWaveNet(4, (1, 2), generator=seeded())
    modes = mixed(sound)
    with pytest.raises(ValueError, match="temperature is 0"):
        sample_names(sound, 3, generator=seeded(), temperature=0)
    assert [m.training for m in sound.modules()] == modes


def test_evaluating_lasts_as_long_as_the_with() -> None:
    model = gated_of(1)
    modes = mixed(model)
    with evaluating(model):
        assert not any(m.training for m in model.modules())
    assert [m.training for m in model.modules()] == modes


# What is refused


@pytest.mark.parametrize("dilations", [(), [], [0], (1, 0), [-1], [1, -2], [1.0], (2, 1.5), ["1"], None])
def test_dilations_that_mean_nothing_are_refused(dilations: Any) -> None:
    said = f"dilations are {dilations!r}; give one or more whole numbers of at"
    with pytest.raises(ValueError, match=f"^{re.escape(said)} least 1"):
        GatedWaveNet(4, dilations, generator=seeded())


def test_a_stack_that_does_not_say_what_its_layers_are_does_nothing() -> None:
    x = torch.zeros(2, 3)
    stack = CausalStack((1, 2), LETTERS)
    assert stack.block_size == 4
    for ask in (lambda: stack.embed(x.long()), lambda: stack.level(0, x, x), lambda: stack.head(x, [x])):
        with pytest.raises(NotImplementedError):
            ask()


def test_contexts_of_another_kind_are_refused() -> None:
    chosen: list[CausalStack] = [DilatedWaveNet(tree_of(4)), gated_of(1, 2)]
    for model in chosen:
        for ask in (model.logits, model.log_probs):
            for shape in [(2, 3), (2, 5), (4,), (1, 2, 4)]:
                with pytest.raises(ValueError, match=r"shape \(B, 4\) here, got"):
                    ask(torch.zeros(shape, dtype=torch.int64))
            for dtype in (torch.float32, torch.int32):
                with pytest.raises(TypeError, match=f"int64 tensor, got {dtype}"):
                    ask(torch.zeros(2, 4, dtype=dtype))
            for index in (V, -1):
                with pytest.raises(ValueError, match=f"index {index}, not in 0 to"):
                    ask(torch.full((2, 4), index))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"n": -1}, "n is -1; it counts names"),
        ({"temperature": 0}, "temperature is 0; it must be above 0, and finite"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"top_k": 0}, "top_k is 0; with 27 characters it must be 1 to 27"),
        ({"top_k": 28}, "top_k is 28; with 27 characters"),
        ({"prompt": "."}, "the prompt '.' has '.', which ends a name; leave it out"),
        ({"prompt": "an.n"}, "the prompt 'an.n' has '.'"),
        ({"prompt": "é"}, "'é' in 'é' is not in the vocabulary"),
        ({"prompt": "Ann"}, "'A' in 'Ann' is not in the vocabulary"),
    ],
)
def test_what_sampling_refuses_writing_refuses_in_the_same_words(wrong: dict[str, Any], says: str) -> None:
    model = gated_of(1, 2)
    given: dict[str, Any] = {"n": 3, "generator": seeded()} | wrong
    for write in (sample_names, from_contexts):
        with pytest.raises(ValueError, match=f"^{re.escape(says)}"):
            write(model, **given)


def test_a_join_is_the_linear_layer_of_both() -> None:
    left, now = torch.randn(2, 5, 3, generator=seeded(1))
    for bias in (False, True):
        linear = Linear(6, 4, bias=bias, generator=seeded(2))
        if bias:
            linear.bias = torch.arange(4.0)
        torch.testing.assert_close(join(linear, left, now), linear(torch.cat([left, now], dim=-1)))


@pytest.mark.parametrize("tokens", [torch.zeros(2), torch.zeros(3, dtype=torch.int64)])
def test_tokens_of_another_kind_are_refused_with_what_they_are(tokens: Tensor) -> None:
    given = re.escape(f"got {tokens.dtype} of shape {tuple(tokens.shape)}.")
    cache = Cache(DilatedWaveNet(WaveNet(3, 4, block_size=4, generator=seeded())), 2)
    with pytest.raises(ValueError, match=rf"^tokens must be int64 of shape \(2,\); {given}"):
        cache.step(tokens)


@pytest.mark.parametrize("momentum", [0.1, 0.5])
def test_the_fast_norm_moves_the_averages_as_the_taught_one_does(momentum: float) -> None:
    taught, fast = (BatchNorm1d(3, momentum=momentum) for _ in "ab")
    x = 2 + 3 * torch.randn(40, 3, generator=seeded(1))
    torch.testing.assert_close(batch_norm(fast, x), taught(x))
    torch.testing.assert_close(fast.running_mean, taught.running_mean)
    assert (fast.running_mean - x.mean(dim=0) * momentum).abs().max() < 1e-5
