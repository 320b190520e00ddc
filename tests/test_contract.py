"""Every model of the book answers the same question in the same form."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from nnz.bigram import BigramCounts, Uniform, UnigramCounts
from nnz.bigram_net import BigramNet
from nnz.contract import LanguageModel, check_contexts
from nnz.data import LETTERS, Vocabulary, windows
from nnz.dilated import DilatedWaveNet
from nnz.evaluate import bits_per_character, bootstrap, by_position, novelty
from nnz.gated import GatedWaveNet
from nnz.gpt import GPT
from nnz.hand_mlp import HandMLP
from nnz.layers import TensorModule
from nnz.lookup import AttentionNet
from nnz.mixture import Mixture
from nnz.ngram import AbsoluteDiscounting, JelinekMercer, KneserNey, NGramCounts
from nnz.recurrent import Recurrent
from nnz.sample import sample_names, seeded
from nnz.trigram_net import AdditiveTrigramNet, TrigramNet
from nnz.wavenet import WaveNet


def by_hand(names: list[str], vocabulary: Vocabulary = LETTERS) -> HandMLP:
    model = HandMLP(3, 2, 4, generator=seeded(), vocabulary=vocabulary)
    model.calibrate(windows(names, 3, vocabulary)[0])
    return model


def tree(vocabulary: Vocabulary = LETTERS) -> WaveNet:
    return WaveNet(3, 4, generator=seeded(), vocabulary=vocabulary)


def gated(vocabulary: Vocabulary = LETTERS) -> GatedWaveNet:
    return GatedWaveNet(4, (1, 3, 2), dropout=0.3, generator=seeded(), vocabulary=vocabulary)


def carried(cell: str, vocabulary: Vocabulary = LETTERS) -> Recurrent:
    return Recurrent(3, 5, 2, cell=cell, dropout=0.3, generator=seeded(), vocabulary=vocabulary)


def gpt(vocabulary: Vocabulary = LETTERS) -> GPT:
    return GPT(4, 2, 2, dropout=0.3, generator=seeded(), vocabulary=vocabulary)


MODELS: dict[str, Callable[[list[str]], LanguageModel]] = {
    "Uniform": lambda names: Uniform(),
    "UnigramCounts": lambda names: UnigramCounts().fit(names),
    "BigramCounts": lambda names: BigramCounts().fit(names),
    "BigramCounts, k=0.5": lambda names: BigramCounts(k=0.5).fit(names),
    "BigramCounts, unseen rows": lambda names: BigramCounts().fit(["ann", "nan"]),
    "BigramNet": lambda names: BigramNet(generator=seeded()).fit(names, steps=50),
    "AdditiveTrigramNet": lambda names: AdditiveTrigramNet(generator=seeded()),
    "TrigramNet": lambda names: TrigramNet(generator=seeded()),
    "NGramCounts, n=1": lambda names: NGramCounts(1).fit(names),
    "NGramCounts, n=8": lambda names: NGramCounts(8, 0.1).fit(names),
    "JelinekMercer": lambda names: JelinekMercer(4, 0.6).fit(names),
    "AbsoluteDiscounting": lambda names: AbsoluteDiscounting(4, 0.8).fit(names),
    "KneserNey, n=1": lambda names: KneserNey(1, 0.85).fit(names),
    "KneserNey, n=8": lambda names: KneserNey(8, 0.85).fit(names),
    "KneserNey, own alphabet": lambda names: KneserNey(3, 0.8, vocabulary=Vocabulary(["zoé"])).fit(["zoé"]),
    "HandMLP": lambda names: by_hand(names[:100]),
    "HandMLP, own alphabet": lambda names: by_hand(["zoé"], Vocabulary(["zoé"])),
    "WaveNet": lambda names: tree(),
    "WaveNet, own alphabet": lambda names: tree(Vocabulary(["zoé"])),
    "DilatedWaveNet": lambda names: DilatedWaveNet(tree()),
    "DilatedWaveNet, own alphabet": lambda names: DilatedWaveNet(tree(Vocabulary(["zoé"]))),
    "GatedWaveNet": lambda names: gated(),
    "GatedWaveNet, own alphabet": lambda names: gated(Vocabulary(["zoé"])),
    "Recurrent, plain": lambda names: carried("rnn"),
    "Recurrent, GRU": lambda names: carried("gru"),
    "Recurrent, own alphabet": lambda names: carried("gru", Vocabulary(["zoé"])),
    "AttentionNet": lambda names: AttentionNet(4, 2, generator=seeded()),
    "GPT": lambda names: gpt(),
    "GPT, own alphabet": lambda names: gpt(Vocabulary(["zoé"])),
    "Mixture": lambda names: Mixture([carried("gru"), gpt(), KneserNey(3, 0.8).fit(names)], [0.5, 0.2, 0.3]),
    "BigramCounts, own alphabet": lambda names: BigramCounts(vocabulary=Vocabulary(["zoé"])).fit(["zoé"]),
}


@pytest.fixture(params=MODELS, ids=str)
def model(request: pytest.FixtureRequest, sample: list[str]) -> LanguageModel:
    return MODELS[request.param](sample)


def contexts_for(model: LanguageModel, B: int) -> torch.Tensor:
    return torch.randint(len(model.vocabulary), (B, model.block_size), generator=seeded(B))


@pytest.mark.parametrize("B", [0, 1, 7, 257])
def test_each_row_is_a_distribution(model: LanguageModel, B: int) -> None:
    log_probs = model.log_probs(contexts_for(model, B))
    assert log_probs.shape == (B, len(model.vocabulary))
    assert log_probs.dtype.is_floating_point
    assert not log_probs.requires_grad
    torch.testing.assert_close(log_probs.exp().sum(1), torch.ones(B, dtype=log_probs.dtype))


def test_the_answer_for_a_context_does_not_depend_on_the_others(model: LanguageModel) -> None:
    contexts = contexts_for(model, 9)
    together = model.log_probs(contexts)
    alone = torch.cat([model.log_probs(context[None]) for context in contexts])
    if isinstance(model, (HandMLP, TensorModule, Mixture)):  # a product rounds as its shape has it
        torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    else:
        assert torch.equal(together, alone)


def test_everything_built_on_the_contract_works_for_every_model(
    model: LanguageModel, sample: list[str]
) -> None:
    own = model.vocabulary is not LETTERS
    names = ["zoé", "oz"] if own else sample[:200]
    assert len(sample_names(model, 5, generator=seeded(), top_k=3)) == 5
    begun = sample_names(model, 5, generator=seeded(), prompt="zo")
    assert all(name.startswith("zo") for name in begun)
    assert bits_per_character(model, names) > 0
    assert int(by_position(model, names)[1][0]) == len(names)
    assert 0 <= novelty(model, names, generator=seeded(), n=20) <= 1
    if math.isfinite(bits_per_character(model, names)):
        assert bootstrap(model, names, generator=seeded()).standard_error >= 0


def test_contexts_are_not_changed(model: LanguageModel) -> None:
    contexts = contexts_for(model, 9)
    before = contexts.clone()
    model.log_probs(contexts)
    assert torch.equal(contexts, before)


def test_wrong_contexts_are_refused_by_every_model(model: LanguageModel) -> None:
    V, size = len(model.vocabulary), model.block_size
    with pytest.raises(TypeError, match=r"int64 tensor, got torch\.float32"):
        model.log_probs(torch.zeros(2, size))
    with pytest.raises(TypeError, match="int64 tensor, got list"):
        model.log_probs([[0] * size])
    for shape in [(2, size + 1), (size,), (1, 2, size)]:
        with pytest.raises(ValueError, match=rf"shape \(B, {size}\) here, got"):
            model.log_probs(torch.zeros(shape, dtype=torch.int64))
    for index in (V, -1) if size else ():
        with pytest.raises(ValueError, match=f"index {index}, not in 0 to {V - 1}"):
            model.log_probs(torch.full((2, size), index))


def test_check_contexts_accepts_what_windows_make() -> None:
    check_contexts(Uniform(), torch.zeros(3, 0, dtype=torch.int64))
    check_contexts(BigramCounts(), torch.full((3, 1), len(LETTERS) - 1))


def test_the_uniform_model_says_one_over_v_for_any_alphabet() -> None:
    vocabulary = Vocabulary(["zoé"])
    log_probs = Uniform(vocabulary).log_probs(torch.zeros(2, 0, dtype=torch.int64))
    assert log_probs.tolist() == [[-math.log(4)] * 4] * 2
