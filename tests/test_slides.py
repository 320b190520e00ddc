"""Pictures with sliders: what their positions show is what the package computes."""

from __future__ import annotations

import re

import pytest
import torch

from nnz.engine import Value
from nnz.figures import slides
from nnz.figures.positions import MOST, Positions, positions
from nnz.figures.style import new_figure

pytestmark = pytest.mark.support


def shown(slide: Positions) -> list[str]:
    """Return what is said in each position."""
    says = slide.html.split('<p class="say" aria-live="polite">')[1]
    return re.findall(r'<span class="at at-\d+">(.*?)</span>', says)


def cells(slide: Positions, position: int) -> list[list[str]]:
    """Return the table that one position shows."""
    frame = slide.html.split(f'<div class="at at-{position}">')[1].split("</div>")[0]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in frame.split("<tr>")[2:]]


def test_each_position_has_a_button_a_picture_and_a_sentence() -> None:
    figure, axes = new_figure()
    axes.plot([1, 2])
    slide = positions("size", ["a & b", "2"], [figure, "<b>two</b>"], ["one < two", "two"], start=1)
    assert [*re.findall(r'<label for="[^"]*">(.*?)</label>', slide.html)] == ["a &amp; b", "2"]
    assert re.findall(r'class="step-(\d)"( checked)?', slide.html) == [("0", ""), ("1", " checked")]
    assert 'alt="one &lt; two"' in slide.html
    assert slide.text == "size a & b: one < two size 2: two"
    assert shown(slide) == ["one &lt; two", "two"]


def test_the_same_figure_is_the_same_text_in_every_build() -> None:
    one, two = (slides.valley([0.1, 1.0]).html for _ in range(2))
    assert re.sub(r"nnz-slide-\d+", "", one) == re.sub(r"nnz-slide-\d+", "", two)


@pytest.mark.parametrize(
    ("choices", "says", "start"),
    [
        (["1"], ["a"], 0),
        (["1", "2"], ["a"], 0),
        (["1", "2"], ["a", "b"], 2),
        (["1"] * (MOST + 1),) * 2 + (0,),
    ],
)
def test_positions_that_do_not_fit_are_refused(choices: list[str], says: list[str], start: int) -> None:
    with pytest.raises(ValueError, match="each of 2 to 16 positions has a picture and a sentence"):
        positions("size", choices, ["x"] * len(choices), says, start)


def test_a_nudge_shows_its_ratio() -> None:
    says = shown(slides.nudges(lambda x: x * x - 3 * x, 4.0, [1.0, 0.5]))
    assert says[1] == "From f(4) = 4 to f(4.5) = 6.75: a ratio of 5.5."


def test_a_rate_of_one_goes_to_and_fro_and_one_of_a_half_arrives_at_once() -> None:
    says = shown(slides.valley([0.5, 1.0, 1.5], steps=2))
    assert [say.split(": ")[1] for say in says] == [
        "w = 0, a loss of 0.",
        "w = 2, a loss of 4.",
        "w = 8, a loss of 64.",
    ]


def test_three_backward_passes_count_their_calls_and_one_of_them_errs() -> None:
    a = Value(3, label="a")
    b = a + a
    d = b + a
    L = b + d
    b.label, d.label, L.label = "b", "d", "L"
    slide = slides.backward_orders(L)
    last = shown(slide)[-1]
    assert last.startswith(
        "After call 9 the gradient of a is: naive 7, by paths 5, in order 5. Done: naive after 9"
    )
    assert "by paths after 9, in order after 4 calls" in last
    L.backward()
    final = cells(slide, len(shown(slide)) - 1)
    assert [row[2] for row in final] == [f"{node.grad:g}" for node in (a, b, d, L)]
    assert [row[1] for row in final] == [row[2] for row in final]
    assert [row[0] for row in final] == ["7", "2", "1", "1"]


def test_nodes_without_names_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="needs a label of its own"):
        slides.backward_orders(Value(1) + 2)


def test_without_keepdim_a_count_is_divided_by_the_sum_of_another_row() -> None:
    N = torch.tensor([[1, 2, 3], [3, 0, 2], [0, 1, 7]])
    slide = slides.broadcasting(N)
    right, wrong = cells(slide, 2), cells(slide, 4)
    assert right[1] == ["0.6", "0", "0.4"]
    assert wrong[1] == [f"{3 / 6:.3g}", "0", f"{2 / 8:.3g}"]
    assert "the rows sum to 1, 1 and 1" in shown(slide)[2]


def test_a_dart_falls_into_the_part_that_it_points_to() -> None:
    says = shown(slides.darts([0.5, 0.3, 0.2], "abc", [0.0, 0.5, 0.79, 0.999]))
    assert [re.findall(r"part of (\w)", say)[0] for say in says] == ["a", "b", "b", "c"]


def test_more_added_evens_out() -> None:
    says = shown(slides.add_k([3, 1, 0], "abc", [0, 1, 1000]))
    assert says[0].startswith("Of the 3 characters 1 cannot follow; the likeliest has 0.75")
    assert says[1].endswith(f"likeliest has {4 / 7:.3g}, the least likely {1 / 7:.2g}.")


def test_temperature_and_top_k_are_those_of_the_sampler() -> None:
    probs = torch.tensor([0.5, 0.3, 0.2])
    hot = shown(slides.temperatures(probs, "abc", [1.0, 0.5]))
    assert f"with {0.25 / 0.38:.3g}" in hot[1]
    few = shown(slides.top_ks(probs, "abc", [1, 2, 3]))
    assert ["possible: " + str(n) in say for n, say in enumerate(few, 1)] == [True] * 3
    assert f"with {0.5 / 0.8:.3g}" in few[1]


def test_small_gains_fade_and_large_ones_saturate() -> None:
    slide = slides.gains([0.5, 3.0], generator=torch.Generator().manual_seed(1), width=50)
    sizes = [float(re.findall(r"deviation of ([\d.e-]+),", say)[0]) for say in shown(slide)]
    assert sizes[0] < 0.01 < 0.5 < sizes[1]
