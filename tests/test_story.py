"""What the story says was computed, and its pictures show it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle

from nnz.bigram import BigramCounts
from nnz.evaluate import nll
from nnz.experiments import story
from nnz.figures import story as figures
from nnz.ngram import NGramCounts

pytestmark = pytest.mark.support

NAMES = ["ava", "eva", "anna", "hanna", "noa", "jo", "ada", "emma", "emmanuel", "ann"] * 3
OTHERS = ["anne", "nova", "hannes"]


def bars(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def drawn(line: Line2D) -> list[float]:
    """Return the heights of a line."""
    return np.asarray(line.get_ydata()).tolist()  # type: ignore[no-any-return]


def test_followers_are_shares_of_what_comes_next_and_the_end_is_one_of_them() -> None:
    assert story.followers("an", ["ann", "anna", "an", "ava"]) == {"n": 2 / 3, ".": 1 / 3}
    assert sum(story.followers("", NAMES).values()) == pytest.approx(1)


def test_a_table_that_sees_one_letter_is_the_table_of_pairs() -> None:
    found = story.by_context(NAMES, OTHERS, 2)
    for order, size in ((2, 1), (3, 2)):
        table = NGramCounts(order=order, k=story.ADDED).fit(NAMES)
        assert math.log(found["counted"][size]) == pytest.approx(nll(table, NAMES), rel=1e-5)
        assert math.log(found["others"][size]) == pytest.approx(nll(table, OTHERS), rel=1e-5)


def test_the_mixed_table_is_a_distribution_and_asks_shorter_contexts_where_it_knows_nothing() -> None:
    one = story.by_context(["ab"], ["ab", "b"], 1)["mixed"]
    # From nothing: a, b and the end have come once each, of 27 characters.
    D, base = story.DISCOUNT, 1 / 27
    p = (1 - D) / 3 + D * 3 / 3 * base
    # After the dot came a, after a came b, after b the end.
    seen, unseen = (1 - D) + D * p, D * p
    expected = -(4 * math.log(seen) + math.log(unseen)) / 5
    assert math.log(one[1]) == pytest.approx(expected)
    assert math.log(one[0]) == pytest.approx(-math.log(p))


def test_the_network_begins_by_knowing_nothing_and_comes_down_to_the_table() -> None:
    curve, stages = story.learned(NAMES, (0, 10, 400))
    assert curve[0] == pytest.approx(27, rel=1e-5)
    assert len(curve) == 400
    assert [stage.steps for stage in stages] == [0, 10, 400]
    assert stages[1].choices == pytest.approx(curve[10], rel=1e-5)
    table = math.exp(nll(BigramCounts().fit(NAMES), NAMES))
    assert table < stages[2].choices < 1.4 * table < stages[1].choices < 27


def test_each_stretch_is_as_long_as_its_share_and_what_comes_is_marked() -> None:
    axes = figures.guesses([("", "a", {"b": 0.75, "a": 0.25}), ("a", ".", {".": 1.0})]).axes[0]
    first, second, last = bars(axes)
    assert [bar.get_width() for bar in (first, second, last)] == [0.75, 0.25, 1.0]
    assert [bar.get_x() for bar in (first, second, last)] == [0.0, 0.75, 0.0]
    assert first.get_facecolor() != second.get_facecolor() == last.get_facecolor()
    assert [text.get_text() for text in axes.texts] == ["b", "a", "at the start", "end", "after a"]


def test_the_bars_are_the_surprises_of_each_name() -> None:
    figure = figures.surprise({"jo": [10.0, 3.0, 5.0], "a": [2.0, 1.5]}, 27)
    heights = [[bar.get_height() for bar in bars(axes)] for axes in figure.axes]
    assert heights == [[10.0, 3.0, 5.0], [2.0, 1.5]]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["j", "o", "end"]
    assert all(drawn(axes.lines[0]) == [27, 27] for axes in figure.axes)


def test_the_line_falls_to_the_table_and_says_what_was_written() -> None:
    axes = figures.learning([27.0, 20.0, 15.0], [(0, 27.0, "a" * 20), (3, 12.0, "ann")], 11.6).axes[0]
    line, *dots, table = axes.lines
    assert drawn(line) == [27.0, 20.0, 15.0]
    assert [drawn(dot) for dot in dots] == [[27.0], [12.0]]
    assert drawn(table) == [11.6, 11.6]
    assert [text.get_text() for text in axes.texts] == ["a" * 11 + "…", "ann"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "3"]


def test_each_curve_over_the_context_has_its_label() -> None:
    figure = figures.context({"counted": [16.0, 11.0], "new": [16.0, 12.0]})
    assert {line.get_label(): drawn(line) for line in figure.axes[0].lines} == {
        "counted": [16.0, 11.0],
        "new": [16.0, 12.0],
    }
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["counted", "new"]


def test_the_ways_to_read_are_a_window_a_chain_and_a_look_at_every_letter() -> None:
    rows = figures.ways("jonas").axes
    arrows = [sum(isinstance(patch, FancyArrowPatch) for patch in axes.patches) for axes in rows]
    assert arrows == [0, 5, 5]
    assert all("".join(text.get_text() for text in axes.texts) == "jonas?" for axes in rows)
