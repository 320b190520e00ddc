"""Figures show the data they are given."""

from __future__ import annotations

import io
import math

import pytest
import torch
from matplotlib.figure import Figure

from nnz.data import LETTERS
from nnz.support.figures import bigram as figures

pytestmark = pytest.mark.support


def svg(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def test_the_table_shows_every_pair_with_its_count() -> None:
    counts = torch.arange(27 * 27).view(27, 27)
    axes = figures.count_table(counts, LETTERS.chars).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts[:4] == ["..", "0", ".a", "1"]
    assert texts[-2:] == ["zz", str(27 * 27 - 1)]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(
        LETTERS.chars
    )
    assert (axes.images[0].get_array() == counts.numpy()).all()


def test_the_heat_shows_the_probabilities() -> None:
    probs = torch.eye(27)
    figure = figures.probability_heat(probs, LETTERS.chars)
    assert (figure.axes[0].images[0].get_array() == probs.numpy()).all()
    assert "probability" in figure.axes[1].get_xlabel()


def test_the_steps_are_as_high_as_the_surprises() -> None:
    figure = figures.surprise_steps(
        ["ab", "c"], [[1.0, 2.0, 3.0], [0.5, 4.0]], math.log(27)
    )
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    assert heights == [[1.0, 2.0, 3.0], [0.5, 4.0]]
    assert figure.axes[0].lines[0].get_ydata()[0] == math.log(27)
    assert "nats" in figure.axes[0].get_ylabel()


def test_the_lengths_are_shares() -> None:
    axes = figures.lengths({"given": ["ab", "cd", "efg", "h"]}).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [0, 0.25, 0.5, 0.25]


def test_the_same_data_gives_the_same_file() -> None:
    first, second = (
        svg(figures.lengths({"given": ["ab", "cde"]})) for _ in range(2)
    )
    assert first == second
    assert (
        b"fill: none" in first or b"fill:none" in first
    )  # no face: the page shows through
