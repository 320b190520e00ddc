"""The exercises of the chapter in which all models of the book stand side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from nnz.bigram import BigramCounts, Uniform
from nnz.bigram_net import BigramNet
from nnz.contract import LanguageModel
from nnz.exercises.checker.compare import describe
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, spelled
from nnz.exercises.checker.observe import RESULT, Parts
from nnz.exercises.checker.properties import never_negative
from nnz.exercises.scoreboard import FEW, SET_ASIDE, Scoreboard, beats, with_verdict
from nnz.layers import Embedding, Flatten, LayeredModel, Sequential
from nnz.ngram import KneserNey, NGramCounts
from nnz.norms import BatchNorm1d


class ModifiedKneserNey(KneserNey):
    """Kneser-Ney with a discount for counts of 1, one for 2 and one for 3 and more: Chen and Goodman (1999).

    The discounts are those of section 3, estimated from how many counts are 1, 2, 3 and 4; here all orders above
    the first are taken together, where the paper has three discounts for each. Nothing is tuned on the dev set.
    """

    def __init__(self, order: int) -> None:
        super().__init__(order, discount=1)  # until `fit` has three of its own

    def fit(self, names: Sequence[str]) -> Self:
        """Count, and estimate the discounts from the counts of counts."""
        super().fit(names)
        counts = torch.cat([table.times for table in self.tables[1:]])
        n = [max(1, int((counts == times).sum())) for times in range(5)]
        Y = n[1] / (n[1] + 2 * n[2])
        taken = [k - (k + 1) * Y * n[k + 1] / n[k] for k in (1, 2, 3)]
        at_least = [max(0.1, discount) for discount in taken]  # few names
        self.discounts = torch.tensor([0.0, *at_least], dtype=torch.float64)
        return self

    def mix(self, counts: Tensor, lower: Tensor) -> Tensor:
        """Return what is left of the counts, and what was taken by `lower`."""
        taken = self.discounts[counts.long().clamp(max=3)]  # (B, V)
        spread = taken.sum(dim=1, keepdim=True) * lower
        return (counts - taken + spread) / counts.sum(dim=1, keepdim=True)


def beat(names: Sequence[str]) -> LanguageModel:
    """Return a model that was fitted to the names and beats the Kneser-Ney 6-gram of the book."""
    return ModifiedKneserNey(order=6).fit(names)


def gru_step(
    x: Tensor,
    h: Tensor,
    W: Tensor,
    U: Tensor,
    b: Tensor,
    c: Tensor,
) -> Tensor:
    """Return the state of a gated recurrent unit after it has read x in the state h."""
    ours, past = (x @ W + b).chunk(3, dim=1), (h @ U + c).chunk(3, dim=1)
    reset = torch.sigmoid(ours[0] + past[0])  # (B, n_hidden)
    update = torch.sigmoid(ours[1] + past[1])
    proposed = torch.tanh(ours[2] + reset * past[2])
    return update * h + (1 - update) * proposed


def pareto_front(sizes: Sequence[int], losses: Sequence[float]) -> list[int]:
    """Return the indices of the models that no other model dominates in size and loss."""
    models = list(zip(sizes, losses, strict=True))

    def dominated(size: int, loss: float) -> bool:
        as_good = [m for m in models if m[0] <= size and m[1] <= loss]
        return any(m != (size, loss) for m in as_good)

    return [i for i, model in enumerate(models) if not dominated(*model)]


def paired_error(a: Tensor, b: Tensor, lengths: Tensor) -> float:
    """Return the standard error of a.sum() / lengths.sum() - b.sum() / lengths.sum(), linearized."""
    n, apart = len(lengths), a - b  # (n,), a difference for each name
    difference = apart.sum() / lengths.sum()
    rests = apart - difference * lengths
    return math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())


class _Spoiled:
    """A table of pairs with something done to it: to what it is given, or to what it answers."""

    block_size = 1

    def __init__(self, names: Sequence[str], answer: Callable[[BigramCounts, Tensor], Any]) -> None:
        self.table = BigramCounts(k=0.1).fit(names)
        self.vocabulary, self.answer = self.table.vocabulary, answer

    def log_probs(self, contexts: Tensor) -> Any:
        return self.answer(self.table, contexts)


def _spoiled(answer: Callable[[BigramCounts, Tensor], Any]) -> Callable[[list[str]], Any]:
    return lambda names: _Spoiled(names, answer)


class _Unsteady(_Spoiled):
    """Something of it changes from call to call, as with dropout that is not switched off."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names, lambda table, contexts: table.log_probs(contexts))
        self.generator = torch.Generator().manual_seed(1)

    def log_probs(self, contexts: Tensor) -> Tensor:
        scores = self.table.log_probs(contexts)
        kept = torch.rand(scores.shape, generator=self.generator) > 0.2
        return (scores * kept).log_softmax(dim=1)


class _Net(LayeredModel):
    """A network with batch norm, so that its mode matters."""

    def __init__(self) -> None:
        embedding = Embedding(27, 27, generator=torch.Generator().manual_seed(1))
        super().__init__(Sequential(embedding, Flatten(), BatchNorm1d(27)), 1)


class _InTraining(_Net):
    """Batch norm takes the batch's own averages, since nobody set evaluation mode."""

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        averages = [m for m in self.modules() if isinstance(m, BatchNorm1d)]
        kept = [(m, m.running_mean.clone(), m.running_var.clone()) for m in averages]
        answer = self.logits(contexts).log_softmax(dim=1)
        for module, mean, var in kept:  # so that it says the same twice
            module.running_mean, module.running_var = mean, var
        return answer


class _LeftInEvaluation(_Net):
    """Evaluation mode is set and never left."""

    @torch.no_grad()
    def log_probs(self, contexts: Tensor) -> Tensor:
        self.eval()
        return self.logits(contexts).log_softmax(dim=1)


class _Recording(BigramNet):
    """Gradients are recorded."""

    def log_probs(self, contexts: Tensor) -> Tensor:
        return self.logits(contexts).log_softmax(dim=1)


_BEAT = Scoreboard(
    label="leaderboard-ex-beat",
    reference=beat,
    task="""
    Make a model of your own that beats the Kneser–Ney table: any model, new or mixed from those of the book.
    `ex.beat.check(model)` judges one that was trained on all of `train_names`. It says whether the model
    keeps to the contract, with rows that sum to 1, no gradients, its mode left as it was, wrong contexts
    refused, and an answer to each context that does not depend on the others; then its dev loss, and by how
    much it is better or worse than the table fitted to the same names, with the standard error of that
    difference. It cannot see what the model has learned from: that you kept the dev names out of it, only you
    know. What can be checked while you wait is small: `beat(names)` is given $2000$ names and returns a model
    that has to do better than their Kneser–Ney 6-gram, with a discount of {given}`0.85`, on $500$ others.
    They are the first of train and dev by `split_names` of the names that come with the package,
    `load_names(resource("data", "names-sample.txt"))`, with `resource` from `nnz.plumbing.paths`.
    """,
    hints=(
        "A mixture is rarely worse than the better of its models if the shares are chosen with care, and often "
        "better than both. Choose on names that you set aside from the given ones, not on those that you are "
        "judged by.",
        "Where counts are as few as here, see where the table itself could be better: is one discount right for "
        "what occurred once, and for what occurred ten times?",
        "Chen and Goodman (1999), section 3, take another discount from counts of 1, of 2, and of 3 or more, and "
        "have a formula for each from how many counts are 1, 2, 3 and 4. KneserNey's mix is the only method that "
        "has to be changed, and fit has to estimate them.",
    ),
    inputs=(
        Input(
            (FEW,),
            "beat(train[:2000]) where train, dev, test = "
            "split_names(load_names(resource('data', 'names-sample.txt')))",
        ),
    ),
    slips={
        "the class itself was returned, or something that is no model; return a fitted model": edit(
            "(order=6).fit(names)", ""
        ),
        "what log_probs returns does not have one row of V numbers for each context": _spoiled(
            lambda table, contexts: table.log_probs(contexts[:-1])
        ),
        "those are probabilities; the contract asks for their logarithms": _spoiled(
            lambda table, contexts: table.log_probs(contexts).exp()
        ),
        "those are scores that were not turned into probabilities: log_softmax is missing, or logarithms were "
        "averaged": _spoiled(lambda table, contexts: table.log_probs(contexts) * 0.9),
        "log_probs records gradients, which costs memory and time for nothing: "
        "torch.no_grad() is missing": lambda names: _Recording(generator=torch.Generator().manual_seed(1)),
        "log_probs writes into the contexts; work on a copy": _spoiled(
            lambda table, contexts: (table.log_probs(contexts), contexts.zero_())[0]
        ),
        "there is chance in the answers, as with dropout that is not switched off": _Unsteady,
        "log_probs answers in training mode: batch norm or dropout do there what they do in "
        "training": lambda names: _InTraining(),
        "the contexts of a batch are compared with one another, and what is answered depends on who else is "
        "asking; each has to be answered by itself": _spoiled(
            lambda table, contexts: table.log_probs(contexts).softmax(dim=0).log_softmax(dim=1)
        ),
        "log_probs sets evaluation mode and does not set back what was there": lambda names: (
            _LeftInEvaluation()
        ),
        "wrong contexts are answered all the same; check_contexts refuses them": _spoiled(
            lambda table, contexts: table.log_probs(contexts[:, :1].long().clamp(0, 26))
        ),
        "what never occurred has probability zero: smooth the model, or mix it with one that thinks nothing "
        "impossible": lambda names: NGramCounts(3).fit(names),
        "it has learned from the names that were set aside, as a model does that is fitted to "
        "the whole list": lambda names: KneserNey(6, 0.85).fit(SET_ASIDE),
        "every character is about as likely as any other; was the model fitted, or trained?": lambda names: (
            Uniform()
        ),
        "it is the table itself, or the same in other words": edit(
            "ModifiedKneserNey(order=6)", "KneserNey(6, 0.85)"
        ),
        "it knows the names that it was given by heart and others less well than the table: too large, "
        "trained for too long, or too "
        "little smoothed": edit("ModifiedKneserNey(order=6)", "KneserNey(8, 0.2)"),
        "it has learned, and not as much as the table: it reads fewer characters, or is smoothed too much, or "
        "not trained for long enough": edit("ModifiedKneserNey(order=6)", "BigramCounts(k=0.1)"),
    },
    drive=with_verdict,
    properties=(beats,),
)


def _within(args: Sequence[Any], parts: Parts) -> str:
    """See that each number lies between the old state and a number that tanh can give."""
    h = args[1]
    yours: Any = parts[RESULT]
    bound = h.abs().clamp(min=1)
    off = (yours.detach().to(h.dtype).abs() > bound + 1e-6).nonzero().tolist()
    if off:
        i, j = off[0]
        return (
            f"entry [{i}, {j}] is {yours[i, j].item():.4g}; it lies between the old state, {h[i, j].item():.4g}, "
            "and a number from -1 to 1"
        )
    return ""


def _gru_case(B: int, n_in: int, n_hidden: int, seed: int, dtype: torch.dtype) -> Input:
    g = torch.Generator().manual_seed(seed)
    H = n_hidden
    shapes = [(B, n_in), (B, H), (n_in, 3 * H), (H, 3 * H), (3 * H,), (3 * H,)]
    args = [torch.randn(shape, generator=g, dtype=dtype) for shape in shapes]
    rounded = tuple((8 * arg).round() / 8 for arg in args)
    if B * H == 1:
        shown = ", ".join(f"torch.tensor({arg.tolist()})" for arg in rounded)
        return Input(rounded, f"gru_step({shown})")
    sizes = f"x {(B, n_in)}, h {(B, H)}, W {shapes[2]}, U {shapes[3]}, b and c {shapes[4]}"
    return Input(rounded, f"gru_step(x, h, W, U, b, c) where the shapes are {sizes}")


_GRU = Exercise(
    label="leaderboard-ex-gru",
    reference=gru_step,
    task=r"""
    A recurrent network reads character by character and has a state $h$, which is all that it knows of the
    past. The gated recurrent unit of Cho and others {cite}`cho2014learning` keeps a share $z$ of its state
    and replaces the rest, and another gate, $r$, says how much of the state counts for what comes in its
    place:

    $$
    r &= \sigma(x W_r + b_r + h U_r + c_r) \\
    z &= \sigma(x W_z + b_z + h U_z + c_z) \\
    n &= \tanh(x W_n + b_n + r \odot (h U_n + c_n)) \\
    h' &= z \odot h + (1 - z) \odot n
    $$

    These are the formulas of `torch.nn.GRUCell`; in the paper $h$ is multiplied by $r$ before $U_n$. Write
    `gru_step(x, h, W, U, b, c)`, with the parts for $r$, $z$ and $n$ side by side in $W$ and $U$, $b$ and
    $c$, in this order. $x$ has shape $(B, n_\text{in})$ and $h$, as what is returned, $(B, H)$; nothing is
    changed in place.
    """,
    hints=(
        "Two matrix products are enough, one with x and one with h. Add their biases and cut both into thirds; "
        "do not add the two together yet.",
        "The gates are made of sums, so there the two go together. For the proposal they do not: the reset gate "
        "multiplies what comes from the state alone, with its bias.",
        "Finally the update gate is a share: that share of the old state is kept, and the rest comes from the "
        "proposal.",
    ),
    inputs=(
        _gru_case(1, 1, 1, 3, torch.float32),
        _gru_case(2, 3, 2, 1, torch.float32),
        _gru_case(4, 2, 5, 2, torch.float64),
        _gru_case(3, 4, 3, 4, torch.float32),
    ),
    more=lambda draw: _gru_case(draw.size(), draw.size(), draw.size(), draw.seed(), torch.float64),
    slips={
        "the update gate is used the other way: z is the share of the old state": edit(
            "update * h + (1 - update) * proposed", "(1 - update) * h + update * proposed"
        ),
        "the reset gate was applied to h before U, as in the paper that introduced the unit; here it "
        "multiplies h U + c": edit("reset * past[2]", "(reset * h) @ U.chunk(3, dim=1)[2] + c.chunk(3)[2]"),
        "the bias c of the proposal stands outside of the reset gate; it belongs to what the "
        "gate multiplies": (
            edit("x @ W + b", "x @ W + b + c"),
            edit("h @ U + c", "h @ U"),
        ),
        "there is no reset gate in the proposal": edit("reset * past", "past"),
        "the reset gate multiplies all of the proposal's sum; it multiplies what comes from "
        "the state alone": edit("ours[2] + reset * past[2]", "reset * (ours[2] + past[2])"),
        "the reset gate multiplies what comes from x; it multiplies what comes from the state": edit(
            "ours[2] + reset * past[2]", "reset * ours[2] + past[2]"
        ),
        "the first third is taken for the update gate and the second for the reset gate; it is the other "
        "way around": (
            edit("ours[0] + past[0]", "ours[1] + past[1]"),
            edit("ours[1] + past[1]", "ours[0] + past[0]"),
        ),
        "the first third is taken for the proposal; it comes last": edit(
            "    reset =", "    ours, past = ours[1:] + ours[:1], past[1:] + past[:1]\n    reset ="
        ),
        "the gates go through tanh; they are shares, which the logistic function gives": (
            edit("torch.sigmoid(ours[0]", "torch.tanh(ours[0]"),
            edit("torch.sigmoid(ours[1]", "torch.tanh(ours[1]"),
        ),
        "the proposal goes through the logistic function; it is a tanh": edit("torch.tanh", "torch.sigmoid"),
        "the old state is not kept at all: what is returned is the proposal": edit(
            "update * h + (1 - update) * proposed", "proposed"
        ),
        "the old state is kept in full, and the proposal added to it; the two share out what there is": edit(
            "update * h", "h"
        ),
        "the biases are left out": (edit("x @ W + b", "x @ W"), edit("h @ U + c", "h @ U")),
        "the bias c is left out; there are two": edit("h @ U + c", "h @ U"),
    },
    properties=(_within,),
    tolerance=1e-5,
)


def _who_dominates(args: Sequence[Any], parts: Parts) -> str:
    sizes, losses = args
    yours: Any = parts[RESULT]
    n = len(sizes)
    models = list(zip(sizes, losses, strict=True))
    if bad := [i for i in yours if i not in range(n)]:
        return f"{describe(bad[0])} is not the index of a model; they go from 0 to {n - 1}"
    for i in yours:
        for j, (size, loss) in enumerate(models):
            if size <= sizes[i] and loss <= losses[i] and models[j] != models[i]:
                return (
                    f"model {i}, {sizes[i]:,} weights and loss {losses[i]}, is in the list; model {j}, {size:,} "
                    f"weights and loss {loss}, dominates it"
                )
    if missing := [i for i in pareto_front(sizes, losses) if i not in yours]:
        return f"model {missing[0]} is not in the list, and none dominates it"
    return ""


_LECTURES = ([729, 11897, 22097, 76579, 76579, 0], [2.46, 2.17, 2.06, 1.99, 2.02, 3.3])

_FRONT = Exercise(
    label="leaderboard-ex-front",
    reference=pareto_front,
    task="""
    One model dominates another if it has no more weights and no higher loss, and is better in at least one of
    the two. Write `pareto_front(sizes, losses)`, which returns the indices of the models that none dominates,
    a list in ascending order. Two models with the same size and the same loss do not dominate one another.
    Which of the models of this chapter are they?
    """,
    hints=(
        "For one model, go through all others: is there one that is at least as good in both respects, and not "
        "the same in both?",
        "There are few models, so compare each with each. Nothing has to be sorted.",
        "Mind the equals: of two with the same size the one with the lower loss dominates, and if the losses are "
        "the same, too, neither does.",
    ),
    inputs=(
        call([100], [2.5]),
        call([100, 50, 200], [2.5, 2.75, 2.25]),
        call([100, 50, 200], [2.0, 2.75, 2.25]),
        call([50, 200, 100], [2.25, 2.5, 2.0]),
        call([100, 100, 50, 400], [2.5, 2.25, 2.75, 2.25]),
        call([100, 50, 100, 200], [2.5, 2.5, 2.25, 2.25]),
        call([100, 300, 100, 50], [2.0, 1.75, 2.0, 2.0625]),
        call(*_LECTURES),
    ),
    more=lambda draw: call(draw.whole(n := draw.size(5, 7), low=1, high=5), draw.table(n, low=1.2, high=1.8)),
    slips={
        "a model was left out only if another is better in both respects; better in one and no worse in the "
        "other is enough": edit("m[0] <= size and m[1] <= loss", "m[0] < size and m[1] < loss"),
        "two equal models drove each other out; neither dominates the other": edit(
            "any(m != (size, loss) for m in as_good)", "len(as_good) > 1"
        ),
        "of two equal models the second is missing; neither dominates the other": edit(
            "(*model)]", "(*model) and model not in models[:i]]"
        ),
        "a model was left out if another is better in one respect, whatever the other respect": edit(
            "m[0] <= size and m[1] <= loss", "m[0] < size or m[1] < loss"
        ),
        "that is the best model of all; a smaller one may be the best of its size": edit(
            "m[0] <= size and m[1] <= loss", "m[1] < loss"
        ),
        "that is the smallest model; a larger one may be better": edit(
            "m[0] <= size and m[1] <= loss", "m[0] < size"
        ),
        "only models of the same size were compared; a smaller one dominates, too, if it is no worse": edit(
            "m[0] <= size and m[1] <= loss", "m[0] == size and m[1] < loss"
        ),
        "more weights were taken for better; a model dominates others that are larger": edit(
            "<= size", ">= size"
        ),
        "a higher loss was taken for better": edit("<= loss", ">= loss"),
        "each model was compared with those before it in the list alone, as if they stood in the order of "
        "their sizes": edit("not dominated(*model)", "model[1] < min([math.inf, *losses[:i]])"),
        "those are the models that are dominated; the others are asked for": edit(
            "if not dominated", "if dominated"
        ),
        "those are sizes and losses; the indices are asked for": edit("[i for i", "[model for i"),
        "there is a truth value for each model; the indices of those that are True are asked for": edit(
            "[i for i, model in enumerate(models) if not dominated(*model)]",
            "[not dominated(*model) for model in models]",
        ),
        "the indices are in the order of the sizes; put them in ascending order": (
            edit("return [i", "return sorted([i"),
            edit("(*model)]", "(*model)], key=lambda i: sizes[i])"),
        ),
    },
    properties=(_who_dominates,),
    tolerance=1e-12,
)


def _pair_case(a: list[float], b: list[float], lengths: list[int]) -> Input:
    totals = [f"torch.tensor({total}, dtype=torch.float64)" for total in (a, b)]
    return spelled(f"{', '.join(totals)}, torch.tensor({lengths})")


_PAIRED = Exercise(
    label="leaderboard-ex-paired",
    reference=paired_error,
    task=r"""
    In [](evaluation.md) an exercise found the standard error of a loss without drawing. Write
    `paired_error(a, b, lengths)`, the same for the difference of two models on the same names, from the
    surprisal of each whole name under the one and the other: $a$ and $b$ are float64 of shape $(n,)$, in nats,
    and `lengths`, int64, has the characters of each name, its end included. The difference per character is
    $r = \sum_i (a_i - b_i) / \sum_i \ell_i$, and the variance of its rests, $a_i - b_i - r \ell_i$, has the
    divisor $n - 1$; the result is a float. Compare it with the bootstrap, and with what comes out if the two
    models had been judged by different names.
    """,
    hints=(
        "What is hard for one model is mostly hard for the other. If you take the difference of each name first, "
        "what both have in common is gone.",
        "From there on it is the error of one ratio, as in the chapter on evaluation: of the sum of the "
        "differences to the sum of the lengths.",
        "The rests sum to 0. The standard error of their mean is their standard deviation over the root of n; "
        "divide it by the mean length.",
    ),
    inputs=(
        _pair_case([10.0, 14.0], [9.0, 14.5], [5, 6]),
        _pair_case([12.0, 7.5, 20.0], [11.0, 8.0, 18.5], [6, 4, 8]),
        _pair_case([13.0, 9.25, 17.5, 8.0, 21.5], [13.5, 8.0, 17.0, 8.25, 18.0], [6, 5, 8, 4, 10]),
    ),
    more=lambda draw: _pair_case(
        draw.table(6, low=5, high=20), draw.table(6, low=5, high=20), draw.whole(6, low=3)
    ),
    slips={
        "the errors of the two losses were put together as if the models had been judged by different names; "
        "take the difference name by name first": lambda a, b, lengths: math.hypot(
            paired_error(a, 0 * a, lengths), paired_error(0 * b, b, lengths)
        ),
        "one error was taken from the other; that of a difference comes from the differences "
        "of the names": lambda a, b, lengths: abs(
            paired_error(a, 0 * a, lengths) - paired_error(0 * b, b, lengths)
        ),
        "every character was taken to be drawn by itself; names are drawn, and the characters of one belong "
        "together": edit(
            "math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())",
            "math.sqrt((rests**2 / lengths).sum() / (lengths.sum() - 1) / lengths.sum())",
        ),
        "that is the error of the mean of the names' own differences per character, in which short names "
        "weigh as much as long ones": edit(
            "math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())",
            "(apart / lengths).std().item() / math.sqrt(n)",
        ),
        "that is the error of the difference of whole names; divide by the mean length": edit(
            "int(lengths.sum())", "n"
        ),
        "the lengths were taken to be all the same: the rest of a name is its difference less r for each of "
        "its characters": edit("difference * lengths", "apart.mean()"),
        "nothing was subtracted from the differences before they were squared": edit(
            " - difference * lengths", ""
        ),
        "the variance of the rests has the divisor n; n - 1 is asked for": edit("n / (n - 1) * ", ""),
        "that is the standard deviation of one name's rest; the error of a mean is smaller by "
        "the root of n": edit("n / (n - 1)", "n**2 / (n - 1)"),
        "that is the error of the first model's loss; the second does not count in it": edit("a - b", "a"),
        "that is the difference itself; its standard error is asked for": edit(
            "math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())", "difference.item()"
        ),
        "that is the variance; the standard error is its root": edit(
            "return math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())",
            "error = math.sqrt(n / (n - 1) * (rests**2).sum()) / int(lengths.sum())\n    return error**2",
        ),
        "those are two standard errors; one is asked for": edit("math.sqrt", "2 * math.sqrt"),
    },
    properties=(never_negative("an error"),),
)

EXERCISES = [_BEAT, _GRU, _FRONT, _PAIRED]
