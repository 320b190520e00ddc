"""The exercises of the chapter on the neural language model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnz.bigram import BigramCounts, Uniform
from nnz.data import LETTERS, Vocabulary
from nnz.evaluate import surprisals
from nnz.exercises.checker.compare import freeze, is_tensor, mismatch, same
from nnz.exercises.checker.drawn import shaped
from nnz.exercises.checker.exercise import Exercise, edit
from nnz.exercises.checker.inputs import Input, call, tensors
from nnz.exercises.checker.observe import RESULT, Answer, Parts
from nnz.exercises.checker.properties import as_many_as_built
from nnz.mlp import BengioMLP, scores

VERDICT = "the verdict"
NEAR = 0.05  # nats from log V
SATURATED = 0.99  # what a hidden activation is beyond if it can hardly learn
FEW = 0.2  # the share of the hidden activations that may be
SPREAD = 0.3  # the least standard deviation of a hidden unit, averaged over the units


def embed(C: Tensor, contexts: Tensor) -> Tensor:
    """Return the rows of C for each context's characters, side by side."""
    rows = C[contexts]  # (B, block_size, n_embd)
    return rows.flatten(1)


def bengio_parameters(
    V: int,
    block_size: int,
    n_embd: int,
    n_hidden: int,
    direct: bool,
) -> int:
    """Return how many weights a BengioMLP has that knows V characters."""
    n_in = block_size * n_embd
    embeddings = V * n_embd
    hidden = (n_in + 1) * n_hidden
    output = (n_hidden + 1) * V
    past_hidden = n_in * V if direct else 0
    return embeddings + hidden + output + past_hidden


def quiet_start(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights, scaled for a first loss near log V and an active tanh."""
    n_in, n_hidden = params["W1"].shape
    into, out_of = 5 / 3 / math.sqrt(n_in), 0.1 / math.sqrt(n_hidden)
    factors = {"C": 1, "W1": into, "b1": 0, "W2": out_of, "b2": 0}
    return {name: factor * params[name] for name, factor in factors.items()}


def batch_error(losses: Tensor, batch_size: int) -> float:
    """Return the standard deviation of the mean loss of a random batch."""
    spread = losses.std(correction=0)  # of one example
    return spread.item() / math.sqrt(batch_size)


def best_mixture(first: Tensor, second: Tensor) -> tuple[float, float]:
    """Return the share of the first model in the best mixture, and its loss."""
    shares = torch.arange(101, dtype=torch.float64)[:, None] / 100  # (101, 1)
    a, b = first + shares.log(), second + (1 - shares).log()  # (101, N)
    losses = -torch.logaddexp(a, b).mean(dim=1)  # (101,)
    best = int(losses.argmin())
    return best / 100, losses[best].item()


_EMBED = Exercise(
    label="mlp-ex-embed",
    reference=embed,
    task="""
    Write `embed(C, contexts)`, which returns what the hidden layer reads. $C$ is a float table of shape
    $(V, m)$, a row for each character, and `contexts`, int64 of shape $(B, T)$, holds the characters of $B$
    contexts, the oldest first. Return the rows of the characters of each context whole and side by side, in
    the same order, of shape $(B, Tm)$.
    """,
    hints=(
        "A tensor can be indexed with another one: every index is replaced by the row that it stands for. What "
        "shape has the result, if the indices have shape (B, block_size)?",
        "Of the three axes the first, the contexts, stays; the other two become one. No number moves in memory.",
        "Take the sizes from the shapes: other networks read more characters, or have longer rows.",
    ),
    inputs=(
        call(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.tensor([[0, 2, 1]])),
        call(torch.tensor([[0.5, -1.0], [0.25, 2.0], [1.5, 0.0]]), torch.tensor([[0, 1], [1, 2]])),
        call(torch.arange(20.0).view(4, 5) / 4, torch.tensor([[3], [0], [2]])),
    ),
    more=shaped("V M, B T<V"),
    slips={
        "the rows of a context are added, so that nobody can tell which character came first; set them side "
        "by side": edit("flatten(1)", "sum(1)"),
        "the rows of a context are averaged, and their order is lost; set them side by side": edit(
            "flatten(1)", "mean(1)"
        ),
        "the rows stand in the opposite order: the oldest character comes first": edit(
            "C[contexts]", "C[contexts.flip(1)]"
        ),
        "the rows are still on an axis of their own; make one axis of the last two": edit(".flatten(1)", ""),
        "all contexts run together into one long row; the first axis should stay": edit(
            "flatten(1)", "flatten()"
        ),
        "the characters of a context are one below the other, as if each were a context of its own": edit(
            "flatten(1)", "flatten(0, 1)"
        ),
        "the positions are joined along the first axis, one below the other; join them along the second": (
            edit("C[contexts]", "C[contexts.T]"),
            edit("flatten(1)", "flatten(0, 1)"),
        ),
        "the rows are mixed together: first the first number of every row, then the second. Each row should "
        "stay whole": edit("flatten(1)", "transpose(1, 2).flatten(1)"),
        "those are the indices of the characters as numbers; each should be replaced by its row of C": edit(
            "rows.flatten(1)", "contexts.float()"
        ),
        "only the last character of each context is there": edit("rows.flatten(1)", "rows[:, -1]"),
        "three positions are looked up, whatever the context; there are block_size of them": edit(
            "rows.flatten(1)", "torch.cat([rows[:, i] for i in range(3)], 1)"
        ),
        "the new shape is written as a fixed number, which fits contexts of three characters; take it from "
        "the shapes": edit("flatten(1)", "view(-1, 3 * C.shape[1])"),
    },
)


_PARAMETERS = Exercise(
    label="mlp-ex-parameters",
    reference=bengio_parameters,
    task="""
    Write `bengio_parameters(V, block_size, n_embd, n_hidden, direct)`, which counts the weights and biases of
    a `BengioMLP` without making it: $V$ may be the number of words in a language. `direct` says whether there
    are connections from the embeddings past the hidden layer to the output. Between which two numbers of
    hidden units do direct connections double the weights of a network that is otherwise the lecture's?
    """,
    hints=(
        "Write down the shapes of C, W1, b1, W2 and b2, and of W if there is one. A tensor has as many numbers "
        "as the product of its sizes.",
        "A character has one row of C, wherever in the context it stands; the hidden layer reads block_size rows "
        "side by side.",
        "A hidden unit has a weight for each number that it reads and one bias; an output has a weight for each "
        "hidden unit and one bias. The direct connections add weights, but no second bias.",
    ),
    inputs=(
        call(11, 3, 2, 5, False),
        call(11, 3, 2, 5, True),
        call(17964, 5, 100, 60, True),
    ),
    more=lambda draw: call(*draw.sizes(4), *draw.pick(1, True, False)),
    slips={
        "each position has a table of embeddings of its own; the model has one, which all "
        "positions share": edit("V * n_embd", "V * n_in"),
        "the table of embeddings is left out; it is learned with the rest": edit(
            "embeddings + hidden", "hidden"
        ),
        "the biases are left out, those of the hidden units and those of the outputs": (
            edit("n_in + 1", "n_in"),
            edit("n_hidden + 1", "n_hidden"),
        ),
        "the biases of the hidden units are left out": edit("n_in + 1", "n_in"),
        "the biases of the outputs are left out": edit("n_hidden + 1", "n_hidden"),
        "there is one bias for each unit, not one for each layer": (
            edit("(n_in + 1) * n_hidden", "n_in * n_hidden + 1"),
            edit("(n_hidden + 1) * V", "n_hidden * V + 1"),
        ),
        "one character too many is read: block_size is the paper's n - 1, not its n": edit(
            "block_size * n_embd", "(block_size + 1) * n_embd"
        ),
        "one character too few is read: block_size is the paper's n - 1 already": edit(
            "block_size * n_embd", "(block_size - 1) * n_embd"
        ),
        "the hidden units read one character; they read all block_size of them": edit(
            "n_in + 1", "n_embd + 1"
        ),
        "the hidden units read V numbers for each character, as if there were no embeddings": edit(
            "n_in + 1", "block_size * V + 1"
        ),
        "the direct connections are counted even where there are none": edit(" if direct else 0", ""),
        "that is the paper's formula with direct connections in any case, and with block_size for its n, "
        "which is one more": (
            edit("block_size * n_embd", "(block_size - 1) * n_embd"),
            edit(" if direct else 0", ""),
        ),
        "the direct connections are never counted": edit("n_in * V if direct else 0", "0"),
        "the direct connections come from one character; they come from the embeddings of all "
        "block_size": edit("n_in * V", "n_embd * V"),
        "the direct connections have biases of their own; the outputs have theirs already": edit(
            "n_in * V", "(n_in + 1) * V"
        ),
    },
    properties=(as_many_as_built(BengioMLP),),
    tolerance=1e-12,
)


def _malformed(yours: Mapping[str, Any], given: Mapping[str, Tensor]) -> str:
    """Say why these are not the given tensors times a number each, or nothing if they are."""
    for name, tensor in given.items():
        if name not in yours:
            return f"{name} is missing"
        if found := mismatch(yours[name], tensor, name):
            return found
        mine = yours[name].detach().to(tensor.dtype)
        factor = (mine * tensor).sum() / (tensor**2).sum()
        if not torch.allclose(mine, factor * tensor, rtol=1e-3):
            return f"{name} is not the given one times a number"
    if more := [name for name in yours if name not in given]:
        return f"there is {more[0]!r}, which was not given"
    if not same(yours["C"], given["C"], 1e-6):
        return "C was scaled; it stays as it is"
    zero = [name for name in ("W1", "W2") if not yours[name].any()]
    if zero:
        return f"{' and '.join(zero)} {'is' if len(zero) == 1 else 'are'} all zero"
    return ""


def _first_step(params: dict[str, Tensor]) -> tuple[dict[str, float], str]:
    """Measure what a network does before it has learned anything, and sum it up in words."""
    V, n_embd = params["C"].shape
    block_size = len(params["W1"]) // n_embd
    generator = torch.Generator().manual_seed(0)
    contexts = torch.randint(V, (500, block_size), generator=generator)
    targets = torch.randint(V, (500,), generator=generator)

    def loss(**changed: Tensor) -> float:
        return F.cross_entropy(scores(params | changed, contexts), targets).item()

    inputs = embed(params["C"], contexts)
    hidden = torch.tanh(inputs @ params["W1"] + params["b1"])
    measured = {
        "log V": math.log(V),
        "loss": loss(),
        "saturated": (hidden.abs() > SATURATED).double().mean().item(),
        "spread": hidden.std(dim=0, correction=0).mean().item(),
    }
    alone = {"b2": loss(W2=0 * params["W2"]), "W2": loss(b2=0 * params["b2"])}
    to_blame = [name for name, x in alone.items() if x > math.log(V) + NEAR]
    uneven = f"outputs uneven by {' and '.join(to_blame) or 'both together'}"
    outputs = uneven if not _is_near(measured) else "outputs even"
    return measured, f"{outputs}, hidden units {_activity(measured)}"


def _is_near(measured: Mapping[str, float]) -> bool:
    return abs(measured["loss"] - measured["log V"]) <= NEAR


def _activity(measured: Mapping[str, float]) -> str:
    share, spread = measured["saturated"], measured["spread"]
    if share > FEW:
        return "saturated" if share > 0.3 else "saturated in part"
    return "nearly 0" if spread < 0.1 else "small" if spread < SPREAD else "spread"


def _in_short(thing: Any) -> Any:
    return tuple(thing.shape) if is_tensor(thing) else thing


def _started(answer: Answer, args: Sequence[Any]) -> Parts:
    params = args[0]
    before, given = freeze(params), {n: t.clone() for n, t in params.items()}
    result: Any = answer(params)
    if isinstance(result, (list, tuple)):
        return {RESULT: [_in_short(thing) for thing in result]}
    if not isinstance(result, Mapping):
        return {RESULT: result}
    shapes = {name: _in_short(thing) for name, thing in result.items()}
    if not same(freeze(params), before):
        return {RESULT: shapes, VERDICT: "the given dict, or a tensor in it, was changed"}
    if result is params:
        return {RESULT: shapes, VERDICT: "that is the given dict, not a new one"}
    if problem := _malformed(result, given):
        return {RESULT: shapes, VERDICT: problem}
    params = {n: t.detach().to(given[n].dtype) for n, t in result.items()}
    measured, verdict = _first_step(params)
    shown = {name: round(number, 4) for name, number in measured.items()}
    return {RESULT: shown, VERDICT: verdict}


def _starts_well(args: Sequence[Any], parts: Parts) -> str:
    measured: Any = parts[RESULT]
    if "loss" not in measured:
        return "so no network was started from it"
    loss, log_V = measured["loss"], measured["log V"]
    if not _is_near(measured):
        return f"the first loss is {loss:.4f}, and log V is {log_V:.4f}; they should be within {NEAR}"
    if (share := measured["saturated"]) > FEW:
        return f"{share:.0%} of the hidden activations are beyond ±{SATURATED}; at most {FEW:.0%} may be"
    if (spread := measured["spread"]) < SPREAD:
        return (
            f"a hidden unit's standard deviation is {spread:.4f} on average; it should be at least {SPREAD}"
        )
    return ""


def _start_case(block_size: int, n_embd: int, n_hidden: int, seed: int, letters: str = "") -> Input:
    model = BengioMLP(
        block_size,
        n_embd,
        n_hidden,
        generator=torch.Generator().manual_seed(seed),
        vocabulary=Vocabulary(letters) if letters else LETTERS,
    )
    own = f", vocabulary=Vocabulary({letters!r})" if letters else ""
    shown = f"generator=torch.Generator().manual_seed({seed}){own}"
    made = f"BengioMLP({block_size}, {n_embd}, {n_hidden}, {shown}).state_dict()"
    return Input((model.state_dict(),), f"quiet_start(params) where params = {made}")


_INTO = "5 / 3 / math.sqrt(n_in)"

_QUIET = Exercise(
    label="mlp-ex-quiet",
    reference=quiet_start,
    task=r"""
    This is an exercise of the lecture: what loss has a network for which all characters are equally likely,
    and how must its first weights be scaled to begin there? `scale_init` is one answer, with reasons that were
    only sketched. Write your own `quiet_start(params)`, which takes the weights of a new network, by name,
    and returns a new dict of them, scaled. All are standard normal numbers at first: `C` of shape (V,
    n_embd), `W1` (n_in, n_hidden), `b1` (n_hidden,), `W2` (n_hidden, V) and `b2` (V,), where n_in is
    block_size times n_embd. `C` stays as it is, and each of the others is multiplied by a number that you
    choose; what is given stays as it is. The checker tries it on networks of several sizes, with random
    contexts and targets. It asks for a first loss within $0.05$ nats of $\log V$, for at most one hidden
    activation in five beyond $\pm 0.99$, and for hidden units that still tell contexts apart: their standard
    deviation over the contexts, averaged over the units, is at least $0.3$. Neither `W1` nor `W2` may be all
    zero: which gradients would be zero at the first step?
    """,
    hints=(
        "Equal logits make all characters equally likely. A logit is a bias plus a sum of n_hidden terms; how "
        "large are those at the start?",
        "The sum of n independent standard normal numbers has variance n, so it spreads like the root of n. What "
        "enters a hidden unit is such a sum, and should spread by about 1, whatever n_in is.",
        "So W1 is made smaller by the root of n_in and W2 by the root of n_hidden, and W2 about ten times more "
        "than that. The biases are not needed at the start.",
    ),
    inputs=(
        _start_case(3, 8, 6, 11, "abcd"),
        _start_case(2, 2, 8, 4),
        _start_case(3, 10, 50, 2),
        _start_case(8, 30, 8, 4, "abcde"),
    ),
    more=lambda draw: _start_case(draw.size(), draw.size(), draw.size(), draw.seed(), "abcdefg"),
    slips={
        "nothing was scaled: the network begins sure of itself, and mostly wrong": edit(
            "factor * params", "params"
        ),
        "with W1 and W2 both zero the loss is log V, but their gradients are zero too and they never learn": (
            edit('into, "b1"', '0, "b1"'),
            edit('out_of, "b2"', '0, "b2"'),
        ),
        "with W2 all zero the loss is log V, but no gradient comes back to W1 and C at first; a small "
        "W2 will do": edit('out_of, "b2"', '0, "b2"'),
        "only the output was made quiet: what enters the hidden units is still too large, and most "
        "of them sit at -1 or 1, where tanh is flat": edit('into, "b1": 0', '1, "b1": 1'),
        "W1 is so small that the hidden units hardly answer to the context; what enters them "
        "should spread by about 1": edit(_INTO, "0.01"),
        "W1 is still too large for most sizes: too many hidden units sit where tanh is flat": edit(
            _INTO, "0.6"
        ),
        "the hidden units are too quiet for most sizes: W1 was scaled by a fixed number, and "
        "a small one": edit(_INTO, "0.05"),
        "the embeddings were scaled with the rest; C stays as it is, since W1 can do the same": edit(
            '"C": 1', '"C": 0.01'
        ),
        "b2 was left as it was: it alone makes some characters much likelier than others": edit(
            '"b2": 0', '"b2": 1'
        ),
        "W2 is still too large: a logit is the sum of n_hidden terms, and should be near 0": edit(
            'out_of, "b2"', '1, "b2"'
        ),
        "the hidden layer is fine, but W2 and b2 are still too large: the logits are far from equal": edit(
            'out_of, "b2": 0', '1, "b2": 1'
        ),
        "the given tensors were overwritten; make new ones": edit(
            "    return {name: factor * params[name]", "    return {name: params[name].mul_(factor)"
        ),
        "W1 was divided by n_in, which is too much: a sum of n_in such numbers grows only as "
        "the root of n_in": edit(_INTO, "1 / n_in"),
        "W1 was scaled by the number of hidden units; what counts is how many numbers each of "
        "them adds up": edit("math.sqrt(n_in)", "math.sqrt(n_hidden)"),
        "W1 was scaled by a fixed number, which is too large where n_in is; it has to fall as "
        "n_in grows": edit(_INTO, "0.2"),
        "W1 was scaled by a fixed number, which is too small where n_in is; it has to rise as "
        "n_in falls": edit(_INTO, "0.1"),
    },
    drive=_started,
    properties=(_starts_well,),
    changes=("params",),  # `_started` sees to it, and says so in fewer words
)


def _exact(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    off = abs(yours / batch_error(*args) - 1)
    if 1e-5 < off < 0.05:
        return "that is near, but not exact; if it comes from drawn batches, do without drawing"
    return ""


_BATCH = Exercise(
    label="mlp-ex-error",
    reference=batch_error,
    task="""
    Write `batch_error(losses, batch_size)`: given the loss of every training example, in nats, float of shape
    $(N,)$, the standard deviation of the mean loss of a batch whose examples are drawn with replacement, as a
    float and without drawing any. Divide by $N$ and not by $N - 1$: the examples are all there are to draw
    from. How many windows must a batch have for its loss to be known to a hundredth of a nat?
    """,
    hints=(
        "Begin with batches of one example. Their losses are the numbers in losses, each as likely as the others.",
        "The variance of a sum of independent draws is the sum of their variances. What is that of their mean?",
        "The N losses are all that can be drawn, not a sample of something larger, so their variance is the "
        "plain mean of the squared distances from their mean.",
    ),
    inputs=(
        call(torch.tensor([0.0, 1.0]), 1),
        call(torch.tensor([1.0, 2.5, 4.0, 0.5]), 2),
        call(torch.tensor([2.0, 0.5, 3.25, 2.75, 1.0]), 4),
        Input((torch.arange(100.0) / 20, 32), "batch_error(torch.arange(100.0) / 20, 32)"),
    ),
    more=lambda draw: tensors(draw.table(draw.size(4, 7), low=0.3), draw.size(2, 9)),
    slips={
        "that is how much the loss of one example varies; the mean of a batch varies less": edit(
            " / math.sqrt(batch_size)", ""
        ),
        "it is divided by batch_size, where the root belongs: to halve it takes four times the batch": edit(
            "math.sqrt(batch_size)", "batch_size"
        ),
        "the variance has the divisor N - 1, which is for a sample; these N are all there are to draw from, "
        "so the divisor is N": edit("correction=0", ""),
        "it is divided by the root of N; the mean is over a batch, not over all examples": edit(
            "sqrt(batch_size)", "sqrt(len(losses))"
        ),
        "that is the variance; the standard deviation is its root": (
            edit("losses.std", "losses.var"),
            edit("math.sqrt(batch_size)", "batch_size"),
        ),
        "the mean was not subtracted before the losses were squared": edit(
            "losses.std(correction=0)", "(losses**2).mean().sqrt()"
        ),
        "the distances from the mean are averaged as they are, where their squares should be": edit(
            "losses.std(correction=0)", "(losses - losses.mean()).abs().mean()"
        ),
        "that is for batches in which no example comes twice; here each is drawn from all N": edit(
            "math.sqrt(batch_size)",
            "math.sqrt(batch_size * (len(losses) - 1) / (len(losses) - batch_size))",
        ),
        "that is the standard deviation of the batch's sum, which grows with the batch; the "
        "mean is asked for": edit("/ math", "* math"),
    },
    properties=(_exact,),
    tolerance=1e-5,
)


def _in_hundredths(args: Sequence[Any], parts: Parts) -> str:
    yours: Any = parts[RESULT]
    share = yours[0]
    if not 0 <= share <= 1:
        return f"the share, which comes first, is {share:.6g}; it should be between 0 and 1"
    if abs(100 * share - round(100 * share)) > 1e-6:
        return f"the share, which comes first, is {share:.6g}; it should be a whole number of hundredths"
    return ""


def _chances_case(first: list[float], second: list[float]) -> Input:
    text = f"best_mixture(torch.tensor({first}).double().log(), torch.tensor({second}).double().log())"
    args = (torch.tensor(chances).double().log() for chances in (first, second))
    return Input(tuple(args), text)


def _models_case(read: list[str], names: list[str]) -> Input:
    models = BigramCounts(k=0.01).fit(read), Uniform()
    shown = f"a = BigramCounts(k=0.01).fit({read}) and b = Uniform() and names = {names}"
    text = f"best_mixture(-surprisals(a, names), -surprisals(b, names)) where {shown}"
    return Input(tuple(-surprisals(model, names) for model in models), text)


_MIXTURE = Exercise(
    label="mlp-ex-mixture",
    reference=best_mixture,
    task=r"""
    This, too, is an exercise of the lecture: try an idea from the paper. In the paper every network got
    better when its probabilities were mixed with those of a smoothed trigram. A mixture gives a character the
    probability $a P_1 + (1 - a) P_2$, with $a$ the share of the first model. Write
    `best_mixture(first, second)`, which takes the log-probabilities that two models gave to the characters
    that came (`-surprisals(model, names)`), finite and float64 of shape $(N,)$. Of all hundredths from 0 to 1
    it finds the share with the least mean surprisal, and returns that share and that mean in nats, two floats.
    Log-probabilities such as $-800$ must do no harm; `torch.logaddexp(a, b)` is $\log(e^a + e^b)$ without
    overflow. Then mix the lecture's network with the Kneser–Ney table.
    """,
    hints=(
        "There are 101 shares, few enough to try them all. For each of them every character has a mixed "
        "probability, its surprisal, and then there is one mean.",
        "The exponential of -800 is 0 in floating point, so stay with logarithms: a factor on a probability is a "
        "term added to its logarithm.",
        "torch has a function for the logarithm of a sum of two exponentials, which minds neither -800 nor the "
        "-inf that is the logarithm of a share of 0.",
    ),
    inputs=(
        _chances_case([0.9, 0.2], [0.3, 0.75]),
        _chances_case([0.7, 0.05, 0.4, 0.6, 0.1], [0.2, 0.3, 0.3, 0.1, 0.25]),
        _models_case(["anna", "hanna", "noa"], ["ann", "johanna"]),
        tensors([-800.0, -1.0, -2.0], [-801.5, -3.0, -0.5], dtype=torch.float64),
    ),
    more=lambda draw: _chances_case(*(draw.table(5, low=0.1, high=0.9, digits=2) for _ in "ab")),
    slips={
        "that is the better model alone, which comes out of mixing the logarithms; it is the probabilities "
        "that are mixed": edit("torch.logaddexp(a, b)", "(shares * first + (1 - shares) * second)"),
        "the logarithms are multiplied by the shares, which are factors of the probabilities": edit(
            "first + shares.log(), second + (1 - shares).log()", "shares * first, (1 - shares) * second"
        ),
        "the probabilities are averaged over the characters before the logarithm is taken; each character "
        "has a surprisal of its own, and "
        "those are averaged": edit(".mean(dim=1)", ".exp().mean(dim=1).log()"),
        "that is the share of the second model; the share of the first is asked for": edit(
            "best / 100", "1 - best / 100"
        ),
        "that is the share with the largest loss, not the least": edit("argmin", "argmax"),
        "a probability below the smallest float became 0, and its surprisal infinite; stay "
        "with logarithms": edit("torch.logaddexp(a, b)", "(a.exp() + b.exp()).log()"),
        "a probability below the smallest float became 0, which has no logarithm; stay with logarithms": edit(
            "torch.logaddexp(a, b)", "(a.exp() + b.exp()).apply_(math.log)"
        ),
        "that is the sum of the surprisals; their mean is asked for": edit(
            "losses[best].item()", "losses[best].item() * len(first)"
        ),
        "the loss is in bits; the natural logarithm gives nats": edit(
            "losses[best].item()", "losses[best].item() / math.log(2)"
        ),
        "that is the mean log-probability, which is negative; the surprisal has the opposite sign": edit(
            "losses[best].item()", "-losses[best].item()"
        ),
        "the share is in percent; give it as a number from 0 to 1": edit("best / 100", "best"),
        "the loss stands first; the share comes before it": edit(
            "best / 100, losses[best].item()", "losses[best].item(), best / 100"
        ),
        "the shares go by tenths; go by hundredths": (
            edit("arange(101,", "arange(0, 101, 10,"),
            edit("best / 100", "best / 10"),
        ),
        "the shares 0 and 1 were not tried, where one model alone may be best": (
            edit("arange(101,", "arange(1, 100,"),
            edit("best / 100", "(best + 1) / 100"),
        ),
        "the share 1 was not tried; the last hundredth counts too": edit("arange(101,", "arange(100,"),
    },
    properties=(_in_hundredths,),
)

EXERCISES = [_EMBED, _PARAMETERS, _QUIET, _BATCH, _MIXTURE]
