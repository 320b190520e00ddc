"""A network's vital signs: what its activations, gradients and updates look like while it is trained.

Chapter: diagnostics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm as norm
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from nnz.train import Trainable

# A slope below this share of the largest is called flat: for a tanh, at outputs beyond 0.99.
LEAST_SLOPE = 1 - 0.99**2
_NO_GRADIENT = torch.tensor([torch.nan])

ACTIVATIONS: dict[Callable[..., Any], str] = {
    getattr(place, kind): kind
    for kind in ("tanh", "sigmoid", "relu")
    for place in (torch, Tensor, torch.nn.functional)
}


def flat(kind: str, h: Tensor) -> Tensor:
    """Return where an activation's slope is below LEAST_SLOPE of its largest, given its outputs h.

    Args:
        kind: "tanh", whose slope is 1 - h²; "sigmoid", with h (1 - h); "relu", with 0 or 1.
        h: float of any shape.

    Returns:
        bool of the same shape.

    Raises:
        ValueError: kind is another one.

    Example:
        >>> flat("tanh", torch.tensor([0.0, -0.98, 0.995]))
        tensor([False, False,  True])
    """
    if kind == "tanh":
        return 1 - h * h < LEAST_SLOPE
    if kind == "sigmoid":
        return 4 * h * (1 - h) < LEAST_SLOPE
    if kind == "relu":
        return h <= 0
    raise ValueError(f"kind is {kind!r}; it must be tanh, sigmoid or relu.")


@dataclass(frozen=True)
class Signal:
    """What was seen of one activation in one batch.

    Attributes:
        mean: of its outputs.
        std: their standard deviation, over examples and units.
        spread: their standard deviation over the examples, the mean of all units: what tells examples apart.
        saturated: the share of them where it is flat.
        stuck: the share of units that are flat for every example of the batch; such a unit may be dead.
        gradient: the standard deviation of the gradient of the loss with respect to them; NaN if the loss does not
            use them.
    """

    mean: float
    std: float
    spread: float
    saturated: float
    stuck: float
    gradient: float


@dataclass(frozen=True)
class Flow:
    """The sizes of one weight, of its gradient, and of its change in one step, as root mean squares."""

    data: float
    grad: float
    update: float

    @property
    def grad_to_data(self) -> float:
        """Return the size of the gradient over that of the weights."""
        return self.grad / self.data if self.data else float("inf")

    @property
    def update_to_data(self) -> float:
        """Return the size of the change over that of the weights."""
        return self.update / self.data if self.data else float("inf")


@dataclass(frozen=True)
class Reading:
    """All that was seen in one step: each activation in the order of use, each parameter by its name."""

    step: int
    signals: dict[str, Signal]
    flows: dict[str, Flow]


class Recorder(TorchFunctionMode):
    """While it is active, keeps the output of every activation that is computed with gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Tensor] = {}
        self.counts: Counter[str] = Counter()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call the function; if it is an activation, keep what comes out, and ask autograd for its gradient.

        The key is the kind and a number, such as "tanh 3", in the order of use.
        """
        out = func(*args, **(kwargs or {}))
        if kind := ACTIVATIONS.get(func):
            self.counts[kind] += 1
            if out.requires_grad:  # not so after weights that are frozen
                self.seen[f"{kind} {self.counts[kind]}"] = out
                out.retain_grad()
        return out


class Probe:
    """Reads a model's vital signs at every so many steps of its training, and leaves it as it was.

    It wraps the model, and is trained in its place: `with Probe(model, optimizer, every=100) as probe:
    train(probe, batches(probe, ...), optimizer, ...)`. Training comes out the same to the last bit.

    The optimizer has hooks, and a forward pass is recorded, within the block alone; outside of it the probe hands
    on and does nothing else. A model can have several probes. If one wraps another, both read what is trained
    through the outer one. If they stand side by side, both count the steps of an optimizer that they share, and
    each reads those whose loss came through it.

    Args:
        model: any that can be trained by `nnz.train.train`. Other activations than ACTIVATIONS, and those that
            change a tensor in place, are not seen. Units are on the last axis.
        optimizer: the one that trains it. Weights that it does not own are not read.
        every: how many steps from one reading to the next; the first step has one.

    Attributes:
        readings: one after another.
        values: the outputs of each activation in the last reading, and the "logits".
        gradients: those of the loss with respect to these, and to each parameter, by name.

    Raises:
        ValueError: every is below 1. On entering, if it is in its block already.
        RuntimeError: on leaving, if steps were taken in the block, but no forward pass with gradients went through
            the probe.
    """

    def __init__(
        self, model: Trainable, optimizer: Optimizer, *, every: int = 100
    ) -> None:
        if every < 1:
            raise ValueError(f"every is {every}; it must be at least 1.")
        self.model, self.optimizer, self.every = model, optimizer, every
        self.vocabulary, self.block_size = model.vocabulary, model.block_size
        self.log_probs, self.parameters = model.log_probs, model.parameters
        self.state_dict = model.state_dict
        self.load_state_dict = model.load_state_dict
        self.readings: list[Reading] = []
        self.values: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self._hooks: list[Any] = []  # in the optimizer; none outside the block
        self._steps, self._passed, self._before = 0, False, dict[str, Tensor]()
        self._seen: list[dict[str, Tensor]] = []  # of each forward pass

    def __enter__(self) -> Probe:
        if self._hooks:
            raise ValueError("the probe is in its block already.")
        self._hooks = [
            self.optimizer.register_step_pre_hook(lambda *_: self.before_step()),
            self.optimizer.register_step_post_hook(lambda *_: self.after_step()),
        ]
        self._first, self._passed = self._steps, False
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        while self._hooks:
            self._hooks.pop().remove()
        self._seen, self._before = [], {}
        if self._steps > self._first and not self._passed and kind is None:
            raise RuntimeError(
                "train the probe, not the model: no forward pass went through it."
            )

    def logits(self, contexts: Tensor) -> Tensor:
        """Return the model's logits, and keep what is seen on the way if a reading is due."""
        self._passed |= torch.is_grad_enabled()
        due = self._hooks and self._steps % self.every == 0
        if not (due and torch.is_grad_enabled()):
            return self.model.logits(contexts)
        with Recorder() as recorder:
            logits = self.model.logits(contexts)
        if logits.requires_grad:
            logits.retain_grad()
            self._seen.append(recorder.seen | {"logits": logits})
        return logits

    @torch.no_grad()
    def before_step(self) -> None:
        """Keep values, gradients and weights as they are before the optimizer changes them."""
        learned = [s for s in self._seen if s["logits"].grad is not None]
        if not learned:
            return  # no reading is due, or the loss came from elsewhere
        named = self._named = self.named()
        self._before = {name: p.detach().clone() for name, p in named.items()}
        self.values = {name: v.detach() for name, v in learned[-1].items()}
        grads = ((k, v.grad) for k, v in (learned[-1] | named).items())
        self.gradients = {k: grad.clone() for k, grad in grads if grad is not None}

    @torch.no_grad()
    def after_step(self) -> None:
        """Add a reading, if one was due, and count the step."""
        if self._before:
            signals = {k: self.signal(k) for k in self.values if k != "logits"}
            flows = {k: self.flow(k, p) for k, p in self._named.items()}
            self.readings.append(Reading(self._steps, signals, flows))
        self._steps += 1
        self._seen, self._before = [], {}

    def named(self) -> dict[str, Tensor]:
        """Return what the optimizer changes and has a gradient, by its names in the model's state_dict."""
        groups = self.optimizer.param_groups
        weights = [p for group in groups for p in group["params"]]
        found = {p.data_ptr(): p for p in weights if p.grad is not None}
        state = self.model.state_dict().items()
        return {k: found[v.data_ptr()] for k, v in state if v.data_ptr() in found}

    def signal(self, name: str) -> Signal:
        """Return what was seen of an activation."""
        h, g = self.values[name], self.gradients.get(name, _NO_GRADIENT)
        still = flat(name.split()[0], h).flatten(0, -2)  # (examples, units)
        return Signal(
            mean=h.mean().item(),
            std=h.std(correction=0).item(),
            spread=h.flatten(0, -2).std(dim=0, correction=0).mean().item(),
            saturated=still.float().mean().item(),
            stuck=still.all(dim=0).float().mean().item(),
            gradient=g.std(correction=0).item(),
        )

    def flow(self, name: str, p: Tensor) -> Flow:
        """Return the sizes of a parameter before the step, of its gradient and of its change."""
        before = self._before[name]
        sizes = (norm(x).item() for x in (before, self.gradients[name], p - before))
        return Flow(*(size / p.numel() ** 0.5 for size in sizes))
