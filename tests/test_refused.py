"""A call that is refused has changed nothing: neither the model nor what it remembers, and nothing was drawn."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import SGD, AdamW

from nnz import models
from nnz.bigram_net import BigramNet
from nnz.checkpoint import Checkpoint, CheckpointError
from nnz.data import LETTERS, windows
from nnz.dilated import Cache, DilatedWaveNet
from nnz.gated import Dropout, GatedWaveNet
from nnz.hand_mlp import HandMLP
from nnz.layers import Embedding, Flatten, FlattenConsecutive, LayeredModel, Linear, Sequential, TensorModule
from nnz.mlp import BengioMLP
from nnz.models import MODELS
from nnz.norms import BatchNorm1d
from nnz.packed import pack, packed_batches
from nnz.plumbing.undo import note, unmoved
from nnz.recipe import Recipe
from nnz.rows import in_rows
from nnz.sample import sample_names, seeded
from nnz.stacked import stack, train_together, unstack
from nnz.train import History, LossError, batches, set_rate, take_step, train
from nnz.wavenet import WaveNet, trace

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "zoe", "mia", "eve"]
NETS = [name for name, spec in MODELS.items() if spec.recipe]
NORMED = ["batchnorm", "wavenet-tree", "wavenet"]


def state_of(thing: Any, seen: dict[int, Any] | None = None) -> Any:
    """Return all that an object holds, down to the bits, so that two moments can be compared."""
    seen = {} if seen is None else seen  # kept alive, so that no id is used again
    if isinstance(thing, Tensor):
        grad = None if thing.grad is None else thing.grad.tolist()
        return str(thing.dtype), repr(thing.tolist()), repr(grad)
    if isinstance(thing, torch.Generator):
        return thing.get_state().tolist()
    if id(thing) in seen:
        return "seen"
    if isinstance(thing, dict):
        seen[id(thing)] = thing
        return [(repr(k)[:80], state_of(v, seen)) for k, v in thing.items()]
    if isinstance(thing, (list, tuple)):
        return [state_of(v, seen) for v in thing]
    if isinstance(thing, TensorModule):
        seen[id(thing)] = thing
        held = {k: v for k, v in vars(thing).items() if k != "training"}
        return type(thing).__name__, thing.training, state_of(held, seen)
    if hasattr(thing, "__dict__") and not callable(thing):
        seen[id(thing)] = thing
        return type(thing).__name__, state_of(vars(thing), seen)
    plain = isinstance(thing, (int, float, str))
    return repr(thing) if plain else type(thing).__name__


def refused(call: Callable[[], object], *things: Any, error: Any = (ValueError, TypeError)) -> None:
    """Check that a call raises, and leaves things as they were."""
    before = [state_of(thing) for thing in things]
    with pytest.raises(error):
        call()
    assert [state_of(thing) for thing in things] == before


def made(name: str) -> Any:
    model = MODELS[name].make(LETTERS, seeded())
    return model if MODELS[name].recipe else model.fit(NAMES)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _small(small_models: None) -> None:
    """Small models by the book's names."""


@pytest.mark.parametrize("name", [n for n in MODELS if not n.startswith("mixture")])
@pytest.mark.parametrize("training", [True, False])
def test_contexts_that_are_refused_have_changed_no_model(name: str, training: bool) -> None:
    model = made(name)
    if hasattr(model, "train"):
        model.train(training)
    T = model.block_size
    bad: list[Any] = [
        torch.zeros(4, T + 1).long(),
        torch.zeros(4, T),
        torch.full((4, T), 27),
        torch.full((4, T), -1),
        torch.zeros(T).long(),
        [[0] * T],
    ]
    for contexts in bad:
        refused(lambda c=contexts: model.log_probs(c), model)


@pytest.mark.parametrize("name", NORMED)
def test_one_context_is_too_few_for_a_norm_and_moves_none_of_them(name: str) -> None:
    model = made(name)
    model.logits(windows(NAMES, model.block_size)[0])
    one = torch.ones(1, model.block_size).long()
    refused(lambda: model.logits(one), model)
    none = torch.ones(0, model.block_size).long()
    refused(lambda: model.logits(none), model)
    optimizer = AdamW(model.parameters(), lr=0.01)
    history = History()
    refused(
        lambda: take_step(model, optimizer, iter([(one, one[:, 0])]), history),
        *(model, optimizer.state, history),
    )
    model.eval()
    assert model.logits(one).shape == (1, 27)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_none_deep_inside_move_no_norm(bad: float) -> None:
    tree = WaveNet(4, 6, generator=seeded())
    X, _ = windows(NAMES, 8)
    with torch.no_grad():
        tree.net.layers[10].weight[0, 0] = bad  # type: ignore[attr-defined]
    refused(lambda: tree.logits(X), tree)
    refused(lambda: tree.net(X), tree)
    refused(lambda: list(trace(tree.net, X)), tree)


class Halves(TensorModule):
    """Two networks side by side, which is no Sequential; the second takes another width."""

    def __init__(self) -> None:
        self.one = Sequential(Embedding(27, 2, generator=seeded()), BatchNorm1d(2))
        self.dropout = Dropout(0.5, generator=seeded(5))
        self.other = BatchNorm1d(3)

    def __call__(self, x: Tensor) -> Tensor:
        return self.other(self.dropout(self.one(x))).flatten(1)


def test_a_model_of_ones_own_is_put_back_with_its_dropout() -> None:
    model = LayeredModel(Halves(), 3)
    refused(lambda: model.logits(torch.zeros(5, 3).long()), model)


def test_the_same_norm_twice_is_put_back_to_the_beginning() -> None:
    norm = BatchNorm1d(4)
    net = Sequential(*(norm, norm, FlattenConsecutive(2), Linear(8, 2, generator=seeded())))
    refused(lambda: net(torch.randn(3, 5, 4, generator=seeded())), net, norm)


@pytest.mark.parametrize("name", NETS)
def test_an_exploded_loss_leaves_norms_optimizer_and_history_as_they_were(name: str) -> None:
    model = made(name)
    optimizer = AdamW(model.parameters(), lr=0.01)
    source = MODELS[name].recipe.source  # type: ignore[union-attr]
    whole = {"whole_names": pack, "whole_rows": in_rows}.get(source.__name__)
    batch: Any = whole(NAMES) if whole else next(batches(model, NAMES, 20, seeded()))
    history = History()
    history.add(take_step(model, optimizer, iter([batch]), history), 0.01)
    with torch.no_grad():
        model.parameters()[-1].mul_(-1e6)
    refused(
        lambda: take_step(model, optimizer, iter([batch]), history),
        *(model, optimizer.state, history),
        error=LossError,
    )


def test_a_step_that_is_refused_gives_its_draws_back() -> None:
    model, g = made("batchnorm"), seeded(3)
    source = batches(model, NAMES, 1, g)
    optimizer = SGD(model.parameters(), lr=0.1)
    history = History()
    refused(
        lambda: train(model, source, optimizer, steps=3, history=history),
        *(model, g, history, optimizer.param_groups),
    )


@pytest.mark.parametrize("name", [n for n in NETS if n != "bigram-net"])
def test_weights_that_are_no_numbers_write_no_names_and_draw_nothing(name: str) -> None:
    model, g = made(name), seeded(3)
    with torch.no_grad():
        for weight in model.parameters()[-1:]:
            weight[0] = math.nan
    refused(lambda: sample_names(model, 4, generator=g), model, g)


@pytest.mark.parametrize(
    "bad",
    [
        {"n": -1},
        {"temperature": 0.0},
        {"temperature": math.nan},
        {"top_k": 0},
        {"top_k": 28},
        {"prompt": "é"},
        {"prompt": "."},
    ],
)
@pytest.mark.parametrize("name", ["bigram", "mlp", "wavenet", "gated"])
def test_options_of_sampling_that_are_refused_draw_nothing(name: str, bad: dict[str, Any]) -> None:
    model, g = made(name), seeded(3)
    options = {"n": 4} | bad
    refused(lambda: sample_names(model, generator=g, **options), model, g)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("names", [["emma", "zoé"], [], ["emma", ""], "emma"], ids=str)
def test_a_list_that_cannot_be_learned_draws_nothing(name: str, names: Any) -> None:
    g = seeded(3)
    refused(lambda: models.fit(name, names, generator=g, effort=0.01), g)


@pytest.mark.parametrize(
    "make",
    [
        lambda g: BengioMLP(3, 4, 0, generator=g),
        lambda g: HandMLP(3, 4, 0, generator=g),
        lambda g: WaveNet(4, 0, generator=g),
        lambda g: WaveNet(0, 4, generator=g),
        lambda g: WaveNet(4, 4, 6, generator=g),
        lambda g: WaveNet(4, 2.5, generator=g),
        lambda g: GatedWaveNet(0, generator=g),
        lambda g: GatedWaveNet(4, (), generator=g),
        lambda g: GatedWaveNet(4, dropout=2.0, generator=g),
        lambda g: GatedWaveNet(4, gates=True, generator=g),
        lambda g: Recipe(rate=-1.0, decay=0.0, steps=3).fit(made("mlp"), NAMES, generator=g),
        lambda g: Recipe(rate=0.1, decay=-1.0, steps=3).fit(made("mlp"), NAMES, generator=g),
        lambda g: Recipe(0.1, 0.0, 3, batch_size=0).fit(made("mlp"), NAMES, generator=g),
        lambda g: Recipe(0.1, 0.0, 3).fit(made("mlp"), ["zoé"], generator=g),
        lambda g: next(packed_batches(NAMES, 0, generator=g)),
    ],
)
def test_a_network_that_is_refused_has_drawn_nothing(make: Callable[[torch.Generator], Any]) -> None:
    g = seeded(3)
    refused(lambda: make(g), g)


def test_a_fit_that_is_refused_leaves_counts_and_weights() -> None:
    for name in ("bigram", "trigram", "kneser-ney"):
        model = made(name)
        refused(lambda m=model: m.fit(["zoé"]), model)
        refused(lambda m=model: m.fit([]), model)
    net = BigramNet(generator=seeded()).fit(NAMES, steps=2)
    for how in ({"steps": -1}, {"steps": 3, "rate": 0}, {"steps": 3, "decay": 1}):
        refused(lambda how=how: net.fit(NAMES, **how), net)
    refused(lambda: net.fit(["zoé"], steps=3), net)


def test_modes_are_set_everywhere_or_nowhere() -> None:
    model = Halves()
    model.more = [BatchNorm1d(2)]  # type: ignore[attr-defined]
    refused(model.eval, model)
    assert model.one.training


def test_a_memory_of_names_refuses_other_names_and_keeps_its_own() -> None:
    model = DilatedWaveNet(WaveNet(4, 6, generator=seeded()))
    model.eval()
    cache = Cache(model, 3)
    cache.step(torch.tensor([1, 2, 3]))
    for tokens in (
        torch.tensor([1]),
        torch.tensor([1, 2, 3, 4]),
        torch.tensor([[1, 2, 3]]),
        torch.tensor([1.0, 2.0, 3.0]),
        torch.tensor([1, 2, 27]),
        torch.tensor([1, -1, 2]),
    ):
        refused(lambda t=tokens: cache.step(t), cache)


def test_a_rate_that_is_none_stays_out_of_the_optimizer() -> None:
    optimizer = SGD([torch.zeros(2, requires_grad=True)], lr=0.25)
    refused(lambda: set_rate(optimizer, lambda _: math.nan, 0), optimizer.param_groups)


def test_stacked_weights_go_back_to_all_models_or_to_none() -> None:
    few = [BengioMLP(3, 4, 5, generator=seeded(s)) for s in (1, 2)]
    params = stack(few)
    refused(lambda: unstack({k: v + 1 for k, v in params.items()}, few[:1]), few)
    short = {k: v + 1 for k, v in params.items() if k != "b2"}
    refused(lambda: unstack(short, few), few)
    narrow = {k: v[..., :1] for k, v in params.items()}
    refused(lambda: unstack(narrow, few), few)


def test_many_networks_that_are_refused_have_drawn_nothing() -> None:
    few, g = [BengioMLP(3, 4, 5, generator=seeded(s)) for s in (1, 2)], seeded(3)
    good: dict[str, Any] = {"rates": torch.ones(2), "decays": torch.zeros(2)}
    good |= {"steps": 2, "batch_size": 4, "names": NAMES, "generator": g}
    for bad in (
        {"rates": torch.ones(1)},
        {"rates": torch.tensor([1.0, math.nan])},
        {"decays": torch.tensor([0.0, -1.0])},
        {"batch_size": 999},
        {"names": ["zoé"]},
    ):
        refused(lambda how=good | bad: train_together(few, **how), few, g)


def test_a_damaged_checkpoint_fills_nothing(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    def run(seed: int) -> tuple[Any, Any, torch.Generator]:
        model = BengioMLP(3, 4, 5, generator=seeded(seed))
        return model, AdamW(model.parameters(), lr=0.01), seeded(seed)

    model, optimizer, g = run(1)
    history = train(model, batches(model, NAMES, 4, g), optimizer, steps=3)
    good = tmp_path / "good"
    Checkpoint(good, model, optimizer, g).save(history)
    with safe_open(good, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        texts = file.metadata()
    damages: list[dict[str, Any]] = [
        {"generator": torch.zeros(3, dtype=torch.uint8)},
        {"generator": torch.zeros(5056)},
        {"losses": None},
        {"rates": None},
    ]
    for damage in damages:
        kept = {k: v for k, v in (tensors | damage).items() if v is not None}
        save_file(kept, tmp_path / "bad", texts)
        mine = run(2)
        refused(
            lambda mine=mine: Checkpoint(tmp_path / "bad", *mine).load(),
            *(mine[0].params, mine[1].state, mine[2]),
            error=CheckpointError,
        )


def change(thing: Tensor) -> None:
    note(thing)
    thing += 1


def fail_after(*changed: Tensor) -> None:
    with unmoved():
        for thing in changed:
            change(thing)
        raise OSError


def test_blocks_in_one_another_put_back_what_the_inner_one_has_noted() -> None:
    x, y, g = torch.zeros(2), torch.zeros(2), seeded()
    state = g.get_state()

    def outer() -> None:
        with unmoved(g):
            with unmoved():
                change(x)
            torch.rand(3, generator=g)
            with pytest.raises(OSError):  # noqa: PT011
                fail_after(x, y)
            assert (x.tolist(), y.tolist()) == ([1, 1], [0, 0])
            raise KeyError

    with pytest.raises(KeyError):
        outer()
    assert x.tolist() == [0, 0]
    assert torch.equal(g.get_state(), state)
    change(x)  # outside of a block nothing is kept
    assert x.tolist() == [1, 1]


def test_blocks_of_two_threads_do_not_mix() -> None:
    x, inside, done = torch.zeros(1), threading.Event(), threading.Event()

    def other() -> None:
        with unmoved():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    with pytest.raises(OSError):  # noqa: PT011
        fail_after(x)
    done.set()
    thread.join()
    assert x.tolist() == [0]


def test_what_is_not_refused_is_not_put_back() -> None:
    net = Sequential(Flatten(), BatchNorm1d(4))
    x = torch.randn(5, 4, generator=seeded()) + 3
    net(x)
    mean = net.layers[1].running_mean  # type: ignore[attr-defined]
    torch.testing.assert_close(mean, 0.1 * x.mean(0))
