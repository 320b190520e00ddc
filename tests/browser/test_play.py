"""The playground in a browser: its probabilities are torch's, its draws repeat, and everybody can use it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page

from browser.checks import accessible, narrow
from browser.conftest import BUILT, ROOT, Tab
from nnz.bigram import BigramCounts
from nnz.bigram_net import BigramNet
from nnz.data import Vocabulary, load_names, split_names
from nnz.dilated import DilatedWaveNet
from nnz.gated import GatedWaveNet
from nnz.gpt import GPT
from nnz.mixture import Mixture
from nnz.mlp import BengioMLP
from nnz.models import MODELS
from nnz.ngram import KneserNey, NGramCounts
from nnz.press import playground
from nnz.recurrent import Recurrent
from nnz.sample import sampling_probs, seeded
from nnz.wavenet import WaveNet

NEAR = 1e-5
CONTEXTS = 500
LONGEST = 15
STATIC = ROOT / "book" / "_static"
# The probabilities after each beginning of each text, by each model: all of them in one evaluation.
AFTER = """([names, texts]) => Object.fromEntries(names.map(name => {
    const model = nnzPlay.open(name), found = [];
    for (const text of texts) {
        let at = model.start;
        found.push([...at.logs].map(Math.exp));
        for (const token of text) { at = model.next(at, token); found.push([...at.logs].map(Math.exp)); }
    }
    return [name, found];
}))"""
LOAD_ALL = """() => Promise.all(Object.keys(nnzPlay.list.files).map(name => new Promise((done, failed) => {
    const script = document.createElement('script');
    Object.assign(script, {src: `../_static/play/${name}.js`, onload: done, onerror: failed});
    document.head.append(script);
})))"""


def after(model: Any, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Return torch's probabilities after each beginning of each text, filled up with dots."""
    size = model.block_size
    rows = [[0] * size + list(text[:n]) for text in texts for n in range(len(text) + 1)]
    contexts = torch.tensor([row[len(row) - size :] for row in rows], dtype=torch.int64)
    probs: torch.Tensor = model.log_probs(contexts).exp().double()
    return probs


def texts_of(vocabulary: Vocabulary, names: Sequence[str], n: int, longest: int) -> list[list[int]]:
    """Return so many names, and as many random texts of that length."""
    drawn, V = random.Random(1), len(vocabulary)
    chosen = [vocabulary.encode(name[:longest]) for name in drawn.choices(names, k=n)]
    return chosen + [[drawn.randrange(1, V) for _ in range(longest)] for _ in range(n)]


def apart(page: Page, models: dict[str, Any], texts: list[list[int]]) -> dict[str, float]:
    """Return the largest difference of a probability between the page and torch, for each model."""
    there = page.evaluate(AFTER, [list(models), texts])
    return {
        name: float((torch.tensor(there[name], dtype=torch.float64) - after(model, texts)).abs().max())
        for name, model in models.items()
    }


# ---- Without the book: every kind of model, small, on another alphabet, with odd weights


def odd_models(vocabulary: Vocabulary, names: Sequence[str]) -> dict[str, Any]:
    """Return models of every kind that the playground knows, and of every form of it."""
    how: dict[str, Any] = {"vocabulary": vocabulary}
    made: dict[str, Any] = {
        "bigram": BigramCounts(0.3, vocabulary).fit(names),
        "surest": BigramCounts(0, vocabulary).fit(names),
        "unigram": NGramCounts(1, 0, vocabulary).fit(names),
        "fourgram": NGramCounts(4, 0.1, vocabulary).fit(names),
        "kneser-ney": KneserNey(5, 0.7, vocabulary).fit([*names, *names[:1] * 200]),
        "bigram-net": BigramNet(generator=seeded(1), **how),
        "mlp": BengioMLP(3, 4, 9, generator=seeded(2), **how),
        "direct": BengioMLP(4, 3, 8, True, generator=seeded(3), **how),
        "batchnorm": MODELS["batchnorm"].build(
            block_size=3, n_embd=4, n_hidden=7, generator=seeded(4), **how
        ),
        "tree": WaveNet(4, 6, 8, generator=seeded(5), **how),
        "gated": GatedWaveNet(6, (1, 2, 3), generator=seeded(6), **how),
        "plain": GatedWaveNet(5, (2, 1), skip=False, gate=False, residual=False, generator=seeded(7), **how),
        "rnn": Recurrent(4, 6, cell="rnn", generator=seeded(8), **how),
        "gru": Recurrent(4, 6, 2, cell="gru", generator=seeded(9), **how),
        "gpt": GPT(8, 2, 2, 6, spread=0.4, generator=seeded(10), **how),
    }
    for seed, model in enumerate(made.values()):
        for _, tensor in model.tensors() if hasattr(model, "tensors") else ():
            moved = 0.4 * torch.randn(tensor.shape, generator=seeded(100 + seed))
            tensor.data += moved.abs()
    made["dilated"] = DilatedWaveNet(made["tree"])
    return made | {"mixture": Mixture([made["gru"], made["fourgram"]], [0.3, 0.7])}


@pytest.fixture
def bare(tab: Tab, tmp_path: Path) -> Page:
    """A page with the scripts of the playground, and nothing else."""
    scripts = [
        f'<script src="{(STATIC / f"nnz-play-{name}.js").as_uri()}"></script>' for name in ("models", "draw")
    ]
    path = tmp_path / "bare.html"
    path.write_text(f"<!doctype html><title>Bare</title>{''.join(scripts)}", encoding="utf-8")
    return tab.open(path.as_uri())


def test_every_kind_of_model_gives_the_probabilities_of_torch(bare: Page) -> None:
    """Texts are longer than a GPT has places for, too."""
    names = ["éa", "ba", "bébé", "acab", "dbaé", "ccddeebb", "abécédébacabé"]
    vocabulary = Vocabulary(names)
    models = odd_models(vocabulary, names)
    for name, model in models.items():
        exported = playground.export(model) if name != "mixture" else None
        exported = exported or playground.Exported(
            "mixture", {"parts": ["gru", "fourgram"], "shares": model.shares}
        )
        bare.evaluate(playground.script(name, exported, vocabulary.chars))
    found = apart(bare, models, texts_of(vocabulary, names, 20, 9))
    assert {name: value for name, value in found.items() if not value < NEAR} == {}
    assert set(found) == set(models)


BENT = "([logs, t, k]) => [...nnzPlay.bend(Float64Array.from(logs), t, k)]"


def test_temperature_and_top_k_bend_probabilities_as_in_python(bare: Page) -> None:
    logs = torch.randn(1, 27, generator=seeded(3), dtype=torch.float64).log_softmax(dim=1)
    for temperature, top_k in ((1.0, 27), (0.5, 27), (1.7, 5), (0.1, 1)):
        there = torch.tensor(bare.evaluate(BENT, [logs[0].tolist(), temperature, top_k]))
        wanted = sampling_probs(logs, temperature, top_k)[0]
        torch.testing.assert_close(there.double(), wanted, atol=1e-6, rtol=1e-6)
        assert int((there > 0).sum()) == min(top_k, 27)


DARTS = """() => { const hits = new Array(20).fill(0), seen = new Set();
    for (let i = 0; i < 16000; i++) {
        const dart = nnzPlay.uniform(i % 40, Math.floor(i / 40) % 20, Math.floor(i / 800));
        hits[Math.floor(20 * dart)]++; seen.add(dart); }
    return [hits, seen.size, nnzPlay.uniform(7, 0, 3) === nnzPlay.uniform(7, 0, 3)]; }"""
PICKED = "([probs, darts]) => darts.map(dart => nnzPlay.pick(probs, dart))"


def test_darts_are_spread_evenly_and_hit_the_part_they_fall_into(bare: Page) -> None:
    hits, different, same = bare.evaluate(DARTS)
    assert sum(hits) == 16_000
    assert (
        sum((n - 800) ** 2 / 800 for n in hits) < 36
    )  # chi-squared with 19 degrees: one in a hundred is larger
    assert different > 15_990
    assert same
    picked = bare.evaluate(PICKED, [[0.25, 0, 0.5, 0.25, 0], [0, 0.2499, 0.25, 0.7499, 0.75, 1 - 1e-16]])
    assert picked == [0, 0, 2, 2, 3, 3]


# ---- The page of the book


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The models that the built playground was made of, from the store of that build."""
    monkeypatch.setenv("NNZ_MODELS", str(ROOT / "_build" / "models"))
    return playground.models(only_stored=True)


def test_the_playground(tab: Tab, models: dict[str, Any]) -> None:
    """One visit: by keyboard alone, then the probabilities of every model, then both themes and widths."""
    page = tab.open((BUILT / "book" / "play.html").as_uri())
    page.locator("#nnz-play .with").wait_for()
    assert page.evaluate("Object.keys(nnzPlay.data)") == [], "weights were loaded before anybody asked"
    problems = [*keyboard(page), *odd_names(page), *draws(page), *surprisals(page, models)]
    page.evaluate(LOAD_ALL)
    assert set(models) == set(MODELS) - {name for name, share in playground.SHARES.items() if not share}
    assert page.evaluate("nnzPlay.list.models.map(model => model.name)") == list(models)
    vocabulary = models["bigram"].vocabulary
    texts = texts_of(vocabulary, split_names(load_names())[1], 25, LONGEST)
    assert sum(len(text) + 1 for text in texts) >= CONTEXTS
    problems += [
        f"{name}: a probability is {value:.2g} from torch's"
        for name, value in apart(page, models, texts).items()
        if not value < NEAR
    ]
    page.locator("button.all").click()
    page.locator(".say", has_text="models are loaded").wait_for()
    for width, theme in (("wide", "light"), ("wide", "dark"), ("phone", "dark"), ("phone", "light")):
        tab.show(width, theme)
        problems += [f"{width}, {theme}: {fault}" for check in (narrow, accessible) for fault in check(page)]
    problems += [*on_paper(page), *tab.errors, *tab.asked]
    assert problems == []


def press(page: Page, key: str, times: int = 1) -> None:
    for _ in range(times):
        page.keyboard.press(key)


def tab_to(page: Page, selector: str) -> None:
    """Go forward by the Tab key until an element has the focus."""
    for _ in range(60):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not reach {selector}")


def said(page: Page, words: str) -> None:
    page.locator("#nnz-play .say", has_text=words).wait_for()


def shown(page: Page) -> list[str]:
    texts: list[str] = page.locator("#nnz-play .bars li").all_inner_texts()
    return texts


def keyboard(page: Page) -> Iterator[str]:
    """Tab, Enter, space and arrows do everything: choose a model, type, draw, go back, draw twenty names."""
    page.locator("#nnz-play .models button").first.evaluate("b => b.scrollIntoView()")
    page.locator("#nnz-play h3").first.evaluate("h => { h.tabIndex = -1; h.focus(); }")
    tab_to(page, '.models button[value="bigram"]')
    if "kB" not in page.evaluate("document.activeElement.textContent"):
        yield "the button does not say how much it will load"
    press(page, "Enter")
    said(page, "bigram writes.")
    if page.evaluate("Object.keys(nnzPlay.data)") != ["bigram"]:
        yield "another model was loaded than that which was asked for"
    if page.evaluate("document.activeElement.value") != "bigram":
        yield "loading takes the focus away"
    if len(shown(page)) != page.evaluate("nnzPlay.list.chars.length"):
        yield f"{len(shown(page))} bars"
    tab_to(page, "#play-text")
    page.keyboard.type("jam")
    if "after jam" not in page.locator("#nnz-play .after").inner_text():
        yield "typing does not change the bars"
    tab_to(page, "button.likeliest")
    press(page, "Space")
    said(page, "Added")
    if len(page.locator("#play-text").input_value()) != 4:
        yield "nothing was added"
    tab_to(page, "button.back")
    press(page, "Enter")
    if page.locator("#play-text").input_value() != "jam":
        yield "going back does not take back"
    before = shown(page)
    if page.locator("output").all_inner_texts() != ["1", "all"] or "(" in "".join(before):
        yield f"at first the letters are drawn as {page.locator('output').all_inner_texts()}"
    tab_to(page, "#play-temperature")
    press(page, "ArrowLeft", 5)
    if shown(page) == before or page.locator("output").first.inner_text() != "0.5":
        yield "the arrow keys do not change the temperature"
    press(page, "ArrowRight", 5)
    tab_to(page, "#play-top")
    press(page, "Home")
    bars = [bar for bar in shown(page) if "(0)" not in bar]
    if len(bars) != 1 or "(1.000)" not in bars[0]:
        yield f"one letter kept leaves {bars}"
    press(page, "End")
    if shown(page) != before:
        yield "all letters kept are not what they were"
    tab_to(page, "button.twenty")
    press(page, "Enter")
    said(page, "20 names are drawn.")


def odd_names(page: Page) -> Iterator[str]:
    """What is no name gets a clear message, and is never taken for HTML."""
    for text in ("<img src=x onerror=alert(1)>", "joão", "ma.ri", "m1", "a" * 101):
        elements = page.evaluate(
            "document.querySelectorAll('*').length - document.querySelectorAll('li').length"
        )
        page.locator("#play-text").fill(text)
        message = page.locator("#play-odd").inner_text()
        strange = next((char for char in text if not char.isascii() or not char.isalpha()), "101")
        if strange not in message or not ("nothing else" in message or "at most" in message):
            yield f"{text[:30]!r} is answered by {message!r}"
        now = page.evaluate("document.querySelectorAll('*').length - document.querySelectorAll('li').length")
        if page.locator("#nnz-play img").count() or now > elements:
            yield f"{text[:30]!r} makes elements"
        if shown(page) or page.locator("#play-text").get_attribute("aria-invalid") != "true":
            yield f"{text[:30]!r} is not marked as wrong, or something is shown after it"
    page.locator("#play-text").fill("MARI")
    if (
        page.locator("#play-odd").inner_text()
        or "after mari" not in page.locator("#nnz-play .after").inner_text()
    ):
        yield "capitals are not read as small letters"


def twenty(page: Page) -> list[str]:
    page.locator("button.twenty").click()
    names: list[str] = page.locator("#nnz-play .names li").all_inner_texts()
    return names


def draws(page: Page) -> Iterator[str]:
    """The same seed draws the same names; another seed, temperature or fewer letters draw others."""
    page.locator("#play-text").fill("a")
    first = twenty(page)
    if len(first) != 20 or not all(name.startswith("a") for name in first) or len(set(first)) < 10:
        yield f"twenty names that begin with a: {first}"
    page.locator("button.next").click()
    second = twenty(page)
    page.locator("#play-seed").fill("1")
    if twenty(page) != first or second == first:
        yield "a seed does not repeat its names, or another one draws the same"
    page.locator("button.finish").click()
    if page.locator("#play-text").input_value() != first[0].removesuffix("…"):
        yield "drawn to the end is not the first of twenty"
    page.locator("#play-text").fill("a")
    for _ in range(3):
        page.locator("button.draw").click()
    if not first[0].startswith(page.locator("#play-text").input_value()):
        yield "drawn letter by letter is not the first of twenty"
    page.locator("#play-text").fill("a")
    page.locator("#play-top").fill("1")
    if len(set(twenty(page))) != 1:
        yield "with one letter kept, names differ"
    page.locator("#play-top").fill(page.locator("#play-top").get_attribute("max") or "")
    page.locator("#play-temperature").fill("0.1")
    if len(set(twenty(page))) >= len(set(first)):
        yield "a low temperature does not draw fewer different names"
    page.locator("#play-temperature").fill("1")
    if twenty(page) != first:
        yield "the names of the beginning do not come back"


def surprisals(page: Page, models: dict[str, Any]) -> Iterator[str]:
    """A row for each model that is loaded, in the order of the book, and for each letter torch's number."""
    page.locator('.models button[value="trigram"]').click()
    said(page, "trigram writes.")
    page.locator("#play-text").fill("emma")
    table = page.locator("#nnz-play table.costs")
    heads = table.locator("thead th").all_inner_texts()
    if heads != ["model", "e", "m", "m", "a", "end", "mean"]:
        yield f"columns {heads}"
    rows = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
    if [row[0] for row in rows] != ["bigram", "trigram"]:
        yield f"rows {rows}"
    letters = models["bigram"].vocabulary.encode("emma")
    for name, *texts in rows:
        probs = after(models[name], [letters])
        costs = [-float(probs[i, token].log()) for i, token in enumerate([*letters, 0])]
        wanted = [f"{cost:.2f}" for cost in [*costs, sum(costs) / 5]]
        if any(abs(float(a) - float(b)) > 0.011 for a, b in zip(texts, wanted, strict=True)):
            yield f"{name}: {texts}, not {wanted}"


def on_paper(page: Page) -> Iterator[str]:
    page.emulate_media(media="print")
    if page.locator("button.draw").is_visible():
        yield "buttons are printed"
    if not page.locator("#nnz-play .bars li").first.is_visible():
        yield "bars are not printed"
    page.emulate_media(media="screen")


def test_without_scripts_the_page_says_what_there_would_be_and_shows_names(tab: Tab) -> None:
    with tab.browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((BUILT / "book" / "play.html").as_uri())
        assert page.locator("#nnz-play .without").is_visible()
        assert not page.locator("#nnz-play .with").is_visible()
        text = page.locator("article").inner_text()
        assert [name for name in MODELS if playground.SHARES.get(name, 1) and name not in text] == []


def test_a_copy_without_models_says_so(tab: Tab, tmp_path: Path) -> None:
    """Where the folder of models is missing, nothing is offered that would not work."""
    for path in (BUILT / "_static").iterdir():
        if path.name != "play":
            (tmp_path / "_static").mkdir(exist_ok=True)
            (tmp_path / "_static" / path.name).symlink_to(path)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "play.html").write_bytes((BUILT / "book" / "play.html").read_bytes())
    page = tab.open((tmp_path / "book" / "play.html").as_uri())
    page.locator("#nnz-play .trouble", has_text="no trained models").wait_for()
    assert not page.locator("#nnz-play .with").is_visible()
