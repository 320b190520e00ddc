"""Figures show the data they are given."""

from __future__ import annotations

import io
import math
import random

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from nnz.backprop import NAMES, first_params, forward
from nnz.data import LETTERS
from nnz.figures import (
    attention,
    backprop,
    backprop_network,
    bigram_network,
    dilated,
    engine,
    evaluation,
    fitting,
    gpt,
    initialization,
    leaderboard,
    mlp,
    network,
    ngram,
    recurrent,
    style,
    training,
    wavenet,
)
from nnz.figures import bigram as figures
from nnz.nn import MLP

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
    assert [label.get_text() for label in axes.get_yticklabels()] == list(LETTERS.chars)
    assert (axes.images[0].get_array() == counts.numpy()).all()


def test_the_heat_shows_the_probabilities() -> None:
    probs = torch.eye(27)
    figure = figures.probability_heat(probs, LETTERS.chars)
    assert (figure.axes[0].images[0].get_array() == probs.numpy()).all()
    assert "probability" in figure.axes[1].get_xlabel()


def test_the_steps_are_as_high_as_the_surprises() -> None:
    figure = figures.surprise_steps(["ab", "c"], [[1.0, 2.0, 3.0], [0.5, 4.0]], math.log(27))
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    assert heights == [[1.0, 2.0, 3.0], [0.5, 4.0]]
    assert figure.axes[0].lines[0].get_ydata()[0] == math.log(27)
    assert "nats" in figure.axes[0].get_ylabel()


def test_the_lengths_are_shares() -> None:
    axes = figures.lengths({"given": ["ab", "cd", "efg", "h"]}).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [0, 0.25, 0.5, 0.25]


def test_the_same_data_gives_the_same_file() -> None:
    first, second = (svg(figures.lengths({"given": ["ab", "cde"]})) for _ in range(2))
    assert first == second
    assert b"fill: none" in first or b"fill:none" in first  # no face: the page shows through


def test_the_errors_are_drawn_over_shrinking_steps() -> None:
    axes = engine.difference_errors([1, 0.1], [1e-1, 1e-2], [1e-2, 1e-4]).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[1e-1, 1e-2], [1e-2, 1e-4]]
    left, right = axes.get_xlim()
    assert left > right
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_region_panel_shows_each_point_with_its_kind_and_the_border() -> None:
    grid = ([0.0, 1.0], [0.0, 1.0], [[-1.0, 1.0], [-1.0, 1.0]])
    points, labels = [[0.1, 0.2], [0.9, 0.3], [0.8, 0.8]], [-1, 1, 1]
    figure = network.regions(points, labels, {"before": grid, "after": grid})
    assert [axes.get_title() for axes in figure.axes] == ["before", "after"]
    dots = [c for c in figure.axes[0].collections if len(c.get_offsets()) and c.get_label() in ("+1", "-1")]
    assert {dot.get_label(): dot.get_offsets().tolist() for dot in dots} == {
        "+1": [[0.9, 0.3], [0.8, 0.8]],
        "-1": [[0.1, 0.2]],
    }


def test_a_network_is_drawn_with_its_weights_and_the_numbers_that_go_through_it() -> None:
    model = MLP(2, [2, 1], generator=random.Random(0))
    for parameter, number in zip(model.parameters(), (1, 2, 0.5, -3, 1, 0, 0.25, 4, -1), strict=True):
        parameter.data = number
    axes = network.through(model, [2.0, 1.0]).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts[:2] == ["2", "1"]  # the inputs
    assert texts[2:6] == ["1", "2", "4.5", "bias 0.5, sum 4.5"]
    assert texts[6:10] == ["−3", "1", "0", "bias 0, sum −5"]  # the ReLU makes 0 of it
    assert texts[10:] == ["0.25", "4", "0.12", "bias −1, sum 0.12"]


def test_a_valley_shows_where_each_run_came_to() -> None:
    figure = network.valley(lambda w: w * w, {"good": [2.0, 1.0], "too large": [2.0, -3.0, 4.5]})
    assert [axes.get_title() for axes in figure.axes] == ["good", "too large"]
    line = figure.axes[1].lines[1]
    assert list(line.get_xdata()) == [2.0, -3.0, 4.5]
    assert list(line.get_ydata()) == [4.0, 9.0, 20.25]
    assert figure.axes[0].lines[0].get_ydata().min() >= 0


def test_the_folds_lie_where_neurons_switch() -> None:
    grid = ([-1.0, 1.0], [-1.0, 1.0], [[-1.0, 1.0], [-1.0, 1.0]])
    axes = network.folds([[0.1, 0.2]], [1], grid, [(1.0, 2.0, 0.5), (2.0, 0.0, -1.0)]).axes[0]
    for line, (w1, w2, b) in zip(axes.lines, [(1.0, 2.0, 0.5), (2.0, 0.0, -1.0)], strict=True):
        xs, ys = line.get_data()
        assert all(w1 * x + w2 * y + b == pytest.approx(0) for x, y in zip(xs, ys, strict=True))
    assert axes.get_xlim() == (-1.0, 1.0)


def test_a_model_that_never_changes_its_mind_can_be_drawn() -> None:
    grid = ([0.0, 1.0], [0.0, 1.0], [[1.0, 1.0], [1.0, 1.0]])
    assert svg(network.regions([[0.1, 0.2]], [1], {"one": grid}))


def test_losses_and_sizes_show_their_data() -> None:
    axes = network.losses({"a": [3.0, 2.0], "b": [1.0]}, "loss").axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[3.0, 2.0], [1.0]]
    assert axes.get_yscale() == "log"
    axes = network.sizes({1: [0.5, 0.7], "more": [0.9]}).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[50.0, 70.0], [90.0]]
    assert list(axes.lines[2].get_ydata()) == pytest.approx([60.0, 90.0])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "more"]


def test_the_descent_shows_every_run_and_the_floor() -> None:
    runs = {"rate 1": [3.0, 2.8, 2.6], "rate 2": [3.0, 2.5, 2.5]}
    axes = bigram_network.descent(runs, 2.4, highest=3.1).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == list(runs.values())
    assert axes.lines[2].get_ydata()[0] == 2.4
    assert axes.get_ylim()[0] < 2.4
    assert "nats" in axes.get_ylabel()


def test_two_tables_share_a_scale_and_leave_out_what_is_not_finite() -> None:
    first = torch.tensor([[0.0, 1.0], [-math.inf, 2.0]])
    second = torch.tensor([[5.0, 1.0], [-7.0, 2.0]])
    figure = bigram_network.two_tables({"a": first, "b": second}, ".x")
    left, right = (axes.images[0] for axes in figure.axes[:2])
    assert left.norm.vmin == right.norm.vmin == -7
    assert left.norm.vmax == right.norm.vmax == 5
    assert left.get_array().mask.tolist() == [[False, False], [True, False]]


def test_the_smoothing_shows_both_ways() -> None:
    curves = {"add-k": [2.5, 2.4], "weight decay": [2.6, 2.3]}
    axes = bigram_network.smoothing([1, 10], curves).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == list(curves.values())
    assert axes.get_xscale() == "log"


def test_the_nets_have_their_floors() -> None:
    axes = ngram.nets({"one": [4.0, 3.0], "two": [4.0, 2.5]}, [2.9, 2.2]).axes[0]
    lines = [list(line.get_ydata()) for line in axes.lines]
    assert lines == [[4.0, 3.0], [2.9, 2.9], [4.0, 2.5], [2.2, 2.2]]


def test_the_best_k_is_marked_in_each_panel() -> None:
    train = {"n = 2": [2.0, 2.1, 2.2], "n = 3": [1.7, 1.8, 1.9]}
    dev = {"n = 2": [2.4, 2.3, 2.5], "n = 3": [2.5, 2.6, 2.7]}
    figure = ngram.over_k([0.1, 1, 10], train, dev)
    lines = figure.axes[0].lines
    marks = [tuple(lines[i].get_xydata()[0]) for i in (2, 5)]
    assert marks == [(1, 2.3), (0.1, 2.5)]
    assert list(lines[3].get_ydata()) == train["n = 3"]


def test_the_explosion_shows_all_four_series() -> None:
    figure = ngram.explosion([1, 2], [1, 27], [1, 20], [1.0, 0.9], [1.0, 0.8])
    shown = [list(line.get_ydata()) for axes in figure.axes for line in axes.lines]
    assert shown == [[1, 27], [1, 20], [1.0, 0.9], [1.0, 0.8]]
    assert figure.axes[0].get_yscale() == "log"


def test_held_out_counts_stand_beside_the_diagonal() -> None:
    axes = ngram.held_out([1, 2], {"n = 4": [0.8, 1.7]}).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 2], [0.8, 1.7]]


def test_the_orders_show_every_way_and_the_best_of_the_last() -> None:
    axes = ngram.orders([1, 2], {"a": [2.8, 2.5], "b": [2.8, 2.4]}).axes[0]
    shown = [list(line.get_ydata()) for line in axes.lines]
    assert shown == [[2.8, 2.5], [2.8, 2.4], [2.4, 2.4]]


def test_positions_begin_with_one() -> None:
    figure = evaluation.positions({"m": [2.9, 1.8]}, [30, 20])
    top, bottom = figure.axes
    assert top.lines[0].get_xydata().tolist() == [[1, 2.9], [2, 1.8]]
    assert [bar.get_height() for bar in bottom.patches] == [30, 20]


def test_the_resamples_are_all_counted() -> None:
    values = torch.arange(100, dtype=torch.float64)
    axes = evaluation.resamples(values, 50.0, (2.0, 97.0)).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 100
    assert [line.get_xdata()[0] for line in axes.lines[:3]] == [50.0, 2.0, 97.0]


def test_the_pair_shows_both_losses_and_the_difference() -> None:
    a, b = torch.arange(60.0), torch.arange(60.0) + 5
    figure = evaluation.pair({"a": a, "b": b}, b - a)
    heights = [sum(patch.get_height() for patch in axes.patches) for axes in figure.axes]
    assert heights == [120, 60]
    assert "difference" in figure.axes[1].get_xlabel()


def test_the_window_slides_one_place_a_row() -> None:
    figure = mlp.sliding([("..", "a"), (".a", "b"), ("ab", ".")])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == [".", ".", "a", ".", "a", "b", *"ab."]
    x = [text.get_position()[0] for text in figure.axes[0].texts]
    assert x[3] - x[0] == x[6] - x[3] == 1


def test_a_context_goes_through_the_network_with_its_numbers() -> None:
    rows, hidden = torch.tensor([[1.5, -0.5], [0.0, 2.0], [0.0, 2.0]]), torch.tensor([-0.25, 0.5, 1.0])
    probs = torch.tensor([0.1, 0.05, 0.35, 0.2, 0.05, 0.25])
    axes = mlp.through("abb", rows, hidden, probs, ".abcde").axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts[:6] == ["1.5", "-0.5", "0.0", "2.0", "0.0", "2.0"]
    assert texts[6:14] == ["-0.25", "0.50", "1.00", "0.35", "0.25", "0.20", "0.10", "0.05"]
    assert texts[14:22] == ["a", "b", "b", "b", "e", "c", ".", "a"]
    assert texts[-8:] == ["context", "(3)", "x", "(6)", "hidden", "(3)", "probs", "(6)"]
    wires = [line for line in axes.lines if line.get_linewidth() == 0.5]
    assert len(wires) == 6 * 3 + 3 * 5
    assert len([line for line in axes.lines if line.get_linewidth() == 1]) == 6


def test_batch_noise_is_drawn_with_its_law() -> None:
    figure = mlp.noise([4, 16], [0.6, 0.3], 1.0, [0.1, 0.2])
    top, bottom = figure.axes
    assert list(top.lines[0].get_ydata()) == [0.6, 0.3]
    assert list(top.lines[1].get_ydata()) == [0.5, 0.25]
    assert list(bottom.lines[0].get_ydata()) == [0.1, 0.2]
    assert "nats" in top.get_ylabel()


def test_the_long_run_shows_means_of_what_it_is_given() -> None:
    losses = torch.cat([torch.full((1000,), 3.0), torch.full((1000,), 2.0)])
    axes = mlp.long_run(losses, 1000, {"table": 2.2}).axes[0]
    assert list(axes.lines[0].get_ydata()) == [3.0] * 10 + [2.0] * 10
    assert list(axes.lines[1].get_ydata()) == [3.0, 2.0]
    assert list(axes.lines[1].get_xdata()) == [500.0, 1500.0]
    assert axes.lines[2].get_ydata()[0] == 2.2


def test_direct_connections_are_drawn_with_standard_errors() -> None:
    plain = torch.tensor([[2.0, 2.2], [1.9, 1.9]])
    direct = torch.tensor([[1.9, 2.0], [1.9, 1.9]])
    figure = mlp.direct([10, 20], {"a": plain, "b": direct}, direct - plain)
    top, bottom = figure.axes
    means = top.containers[0].lines[0].get_ydata()
    assert list(means) == pytest.approx([2.1, 1.9])
    low, high = (line.get_ydata()[0] for line in top.containers[0].lines[1])
    assert high - low == pytest.approx(2 * 0.1)
    assert list(bottom.containers[0].lines[0].get_ydata()) == pytest.approx([-0.15, 0.0])


def test_points_stand_where_they_are_and_some_stand_out() -> None:
    places = torch.tensor([[0.0, 1.0], [2.0, -1.0]])
    axes = mlp.points(places, "ab", "a", ("left", "up")).axes[0]
    assert [text.get_position() for text in axes.texts] == [(0, 1), (2, -1)]
    colors = [line.get_color() for line in axes.lines]
    assert colors[0] != colors[1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("left", "up")


def test_a_range_test_is_smoothed_around_each_step() -> None:
    rates = [10.0**i for i in range(-3, 3)]
    axes = training.range_test(rates, [3.0, 2.0, 1.0, 2.0, 3.0, 9.0], width=2).axes[0]
    assert list(axes.lines[0].get_ydata()) == [3.0, 2.0, 1.0, 2.0, 3.0, 9.0]
    assert list(axes.lines[1].get_xdata()) == rates[1:-1]
    assert list(axes.lines[1].get_ydata()) == [2.5, 1.5, 1.5, 2.5]
    assert axes.get_xscale() == "log"


def test_walks_are_drawn_from_the_first_step_on_a_scale_of_factors() -> None:
    axes = training.walks({"large": [10.0, 0.6, 0.6], "small": [90.0, 80.0, 70.0]}).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[10, 0.6, 0.6], [90, 80, 70]]
    assert [line.get_label() for line in axes.lines] == ["large", "small"]
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3]
    assert axes.get_yscale() == "log"


def test_schedules_and_losses_are_drawn_as_given() -> None:
    axes = training.rates({"a": [1.0, 0.5], "b": [0.1, 0.2]}).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 0.5], [0.1, 0.2]]
    axes = fitting.curves([1, 10], {"train": [3, 2], "dev": [3, 4]}, "names").axes[0]
    assert [line.get_label() for line in axes.lines] == ["train", "dev"]
    assert axes.get_xlabel() == "names"
    assert fitting.curves([1], {"a": [1]}, "x", log=False).axes[0].get_xscale() == ("linear")


def test_batch_sizes_show_loss_and_time() -> None:
    top, bottom = training.batch_sizes([8, 16], [2.0, 2.1], [1.0, 0.5]).axes
    assert list(top.lines[0].get_ydata()) == [2.0, 2.1]
    assert list(bottom.lines[0].get_ydata()) == [1.0, 0.5]


def test_a_search_stars_its_best() -> None:
    x, y = torch.tensor([0.1, 1.0]), torch.tensor([0.01, 0.001])
    losses = torch.tensor([9.0, 2.0])
    figure = fitting.searched({"a": (x, y, losses), "b": (y, x, losses)}, most=3.0)
    for axes, best in zip(figure.axes[:2], [(1.0, 0.001), (0.001, 1.0)], strict=True):
        (star,) = axes.lines
        assert (star.get_xdata()[0], star.get_ydata()[0]) == pytest.approx(best)
        assert list(axes.collections[0].get_array()) == [3.0, 2.0]


def test_a_study_shows_the_best_so_far() -> None:
    axes = fitting.study([3.0, 2.0, 2.5, 1.0], guided_from=2).axes[0]
    assert list(axes.lines[0].get_ydata()) == [3.0, 2.0, 2.5, 1.0]
    assert list(axes.lines[1].get_ydata()) == [3.0, 2.0, 2.0, 1.0]
    assert axes.lines[2].get_xdata()[0] == 2.5


def test_the_graph_shows_every_tensor_and_what_each_is_made_of() -> None:
    assert set(backprop.PLACES) == {*NAMES, "loss"}
    params = first_params(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    for p in params.values():
        p.requires_grad_()
    X = torch.tensor([[0, 1], [2, 3], [4, 0]])
    values = forward(params, X, torch.tensor([1, 2, 3]))
    for result, operands in backprop.MADE_OF.items():
        for operand in operands:  # autograd knows of the way
            (slope,) = torch.autograd.grad(
                values[result].sum(), values[operand], retain_graph=True, allow_unused=True
            )
            assert slope is not None, (operand, result)
    used = {name for operands in backprop.MADE_OF.values() for name in operands}
    assert used | {"loss"} == set(backprop.PLACES)


def test_what_is_done_is_lit() -> None:
    axes = backprop.progress(["probs", "logprobs"]).axes[0]
    bold = {t.get_text() for t in axes.texts if t.get_fontweight() == "bold"}
    assert bold == {"probs", "logprobs", "loss"}
    assert {t.get_text() for t in axes.texts if t.get_text()} == set(backprop.PLACES)


def test_the_forces_on_the_logits_are_drawn_as_they_are() -> None:
    axes = backprop.forces(torch.tensor([0.25, -0.75, 0.5]), "abc", 1).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [0.25, -0.75, 0.5]
    colors = [bar.get_facecolor() for bar in axes.patches]
    assert colors[0] == colors[2] != colors[1]


def test_the_field_is_symmetric_about_zero() -> None:
    dlogits = torch.tensor([[0.25, -0.75], [0.5, 0.1]])
    image = backprop.field(dlogits, "ab").axes[0].images[0]
    assert image.get_clim() == (-0.75, 0.75)
    assert (image.get_array() == dlogits.numpy()).all()


def test_bars_of_time_end_where_the_steps_end() -> None:
    parts = {"one": {"forward": 1e-4, "update": 2e-4}, "two": {"forward": 5e-4}}
    axes = backprop.paces(parts).axes[0]
    ends: dict[float, float] = {}
    for bar in axes.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0), bar.get_x() + bar.get_width())
    assert ends == {0: pytest.approx(300), 1: pytest.approx(500)}


def test_two_curves_are_smoothed_above_and_subtracted_below() -> None:
    losses = {"one": [3.0, 1.0, 2.0, 2.0], "two": [3.0, 1.5, 2.0, 2.0]}
    top, bottom = backprop.curves(losses, 2).axes
    assert list(top.lines[0].get_ydata()) == [2.0, 2.0]
    assert list(top.lines[1].get_ydata()) == [2.25, 2.0]
    assert list(bottom.lines[0].get_xdata()) == [1]  # where they are apart
    assert list(bottom.lines[0].get_ydata()) == [0.5]


def test_errors_of_checks_are_drawn_over_shrinking_steps() -> None:
    figure = backprop_network.step_errors([1e-1, 1e-2], {"a": [1e-3, 1e-5]})
    axes = figure.axes[0]
    assert list(axes.lines[0].get_ydata()) == [1e-3, 1e-5]
    left, right = axes.get_xlim()
    assert left > right


def test_speeds_are_in_milliseconds_and_may_end_early() -> None:
    seconds = {"Values": [0.001], "arrays": [0.002, 0.004]}
    axes = backprop_network.speeds([1, 10], seconds).axes[0]
    assert list(axes.lines[0].get_ydata()) == [1.0]
    assert list(axes.lines[1].get_ydata()) == [2.0, 4.0]


def test_runs_are_drawn_step_by_step() -> None:
    axes = backprop_network.losses({"a": [3.0, 2.0, 1.0]}, "loss").axes[0]
    assert list(axes.lines[0].get_xdata()) == [0, 1, 2]
    assert list(axes.lines[0].get_ydata()) == [3.0, 2.0, 1.0]
    assert axes.get_ylabel() == "loss"


def test_the_tree_has_a_box_for_each_group_with_its_width() -> None:
    axes = wavenet.tree("..ab", [10, 68, 68]).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert len(axes.patches) == 4 + 2 + 1
    assert texts.count("10") == 4
    assert texts.count("68") == 2 + 1
    assert {"(4, 10)", "(2, 68)", "(68,)"} < set(texts)
    assert {"(2, 20)", "(136,)"} < set(texts)  # the pairs side by side, between the levels
    assert texts[-4:] == list("..ab")
    assert len(axes.lines) == 4 + 2  # each but the top has a parent


def test_a_log_has_a_dot_for_each_seed_and_a_cross_for_each_run_of_others() -> None:
    axes = wavenet.log({"a": [2.0, 2.1], "b": [1.9]}, {"a": 2.05}).axes[0]
    heights = [np.asarray(line.get_ydata()).tolist() for line in axes.lines]
    assert heights == [[2.0, 2.1], [2.05], [1.9]]


def test_a_smoothed_curve_stands_on_the_losses() -> None:
    curves = {"every batch": ([1, 2], [3.0, 2.0]), "means": ([1.5], [2.5])}
    axes = wavenet.smoothing(curves).axes[0]
    assert [np.asarray(x.get_ydata()).tolist() for x in axes.lines] == [[3.0, 2.0], [2.5]]


def test_places_are_counted_from_the_last() -> None:
    axes = wavenet.positions({"flat": [0.1, 0.2, 1.0], "short": [0.9]}).axes[0]
    assert list(axes.lines[0].get_xdata()) == [-3, -2, -1]
    assert list(axes.lines[1].get_xdata()) == [-1]


def test_the_receptive_field_is_lit_and_nothing_else() -> None:
    axes = dilated.receptive("....abcd", [1, 2], at=7).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    blue = [d for d in dots if d.get_markerfacecolor() == style.PALETTE["blue"]]
    lit = sorted((int(d.get_ydata()[0]), int(d.get_xdata()[0])) for d in blue)
    assert len(dots) == 3 * 8
    assert lit == [(0, 4), (0, 5), (0, 6), (0, 7), (1, 5), (1, 7), (2, 7)]


def test_beginnings_stand_below_their_parents_and_the_way_back_is_lit() -> None:
    texts = ["", "e", "ev", "eve", "eva", "a", "al"]
    axes = dilated.beginnings(texts, [0, 0, 1, 2, 2, 0, 5], at=3).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [int(dot.get_xdata()[0]) for dot in dots] == [len(text) for text in texts]
    heights = [float(dot.get_ydata()[0]) for dot in dots]
    assert len({*zip(map(len, texts), heights, strict=True)}) == 7  # no two in one place
    assert heights[2] == (heights[3] + heights[4]) / 2
    lit = [row for row, dot in enumerate(dots) if dot.get_markerfacecolor() == style.PALETTE["blue"]]
    assert lit == [0, 1, 2, 3]
    shown = [text.get_text() for text in axes.texts]
    assert [text for text in shown if text.isdecimal()] == list("0123456")
    assert [text for text in shown if len(text) > 1] == ["eve", "eva", "al"]  # whole names
    assert [text for text in shown if len(text) == 1 and text.isalpha()] == list("eveaal")


def test_a_block_leads_past_its_gate_to_the_next_and_to_the_output() -> None:
    axes = dilated.block(80).axes[0]
    shown = [text.get_text() for text in axes.texts]
    assert {"left", "now", "tanh", "σ", "⊙", "a", "b", "R", "S", "+"} < set(shown)
    assert shown.count("(80,)") == 3
    assert "(160,)" in shown
    assert sum(text == "" for text in shown) == 12  # arrows


def test_parts_are_drawn_from_top_to_bottom_with_their_means() -> None:
    axes = dilated.ablation({"all": [1.0, 3.0], "no gate": [2.0, 2.0]}).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["all", "no gate"]
    assert [line.get_xdata()[0] for line in axes.lines[1::2]] == [2.0, 2.0]
    assert axes.yaxis_inverted()


def test_both_ways_of_writing_are_drawn() -> None:
    axes = dilated.writing([4, 8], [2.0, 4.0], [1.0, 1.5]).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[2.0, 4.0], [1.0, 1.5]]


def test_the_cell_is_drawn_for_each_character_and_its_state_goes_to_the_next() -> None:
    axes = recurrent.unrolled("emma").axes[0]
    shown = [text.get_text() for text in axes.texts]
    assert shown.count("cell") == 5
    assert [text for text in shown if len(text) == 1] == [*".e", *"em", *"mm", *"ma", *"a."]
    assert sum(text == "" for text in shown) == 3 * 5  # arrows
    assert [text for text in shown if text.startswith("$")] == [f"$h_{{{t}}}$" for t in range(5)]


def test_gradients_are_drawn_relative_to_the_first_of_each() -> None:
    axes = recurrent.gradients({"half": [4.0, 2.0, 1.0], "more": [1.0, 3.0]}).axes[0]
    assert [np.asarray(line.get_ydata()).tolist() for line in axes.lines] == [[1.0, 0.5, 0.25], [1.0, 3.0]]
    assert axes.get_yscale() == "log"


def test_times_are_drawn_relative_to_the_least_of_all() -> None:
    axes = recurrent.times([8, 16], {"gru": [2.0, 4.0], "stack": [1.0, 1.0]}).axes[0]
    assert [np.asarray(line.get_ydata()).tolist() for line in axes.lines] == [[2.0, 4.0], [1.0, 1.0]]


def test_who_sees_whom_is_a_grid_with_a_letter_beside_each_row() -> None:
    seen = torch.tensor([[True, False], [True, True]])
    axes = attention.mask(".a", seen).axes[0]
    assert axes.images[0].get_array().tolist() == [[1.0, 0.0], [1.0, 1.0]]
    assert [t.get_text() for t in axes.get_yticklabels()] == [".", "a"]
    assert [t.get_text() for t in axes.get_xticklabels()] == [".", "a"]


def test_where_the_last_places_look_has_a_row_for_each_of_them() -> None:
    weights = torch.arange(16.0).view(4, 4) / 16
    axes = attention.looks(".a-a", weights, begin=2).axes[0]
    assert np.array_equal(axes.images[0].get_array(), weights[2:].numpy())
    assert [t.get_text() for t in axes.get_yticklabels()] == ["-", "a"]
    assert [t.get_text() for t in axes.get_xticklabels()] == [".", "a", "-", "a"]


def test_what_remembering_saves_is_drawn_between_the_edges() -> None:
    axes = attention.distance([15, 20, 26], {"one": [1.0, 0.5], "two": [2.0, 2.0]}).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[1.0, 0.5], [2.0, 2.0]]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["15–19", "20–25"]


def test_times_are_drawn_in_milliseconds_over_lengths() -> None:
    axes = attention.cost([16, 32], {"GRU": [0.001, 0.002], "stack": [0.004, 0.004]}).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[1.0, 2.0], [4.0, 4.0]]
    assert [list(line.get_xdata()) for line in axes.lines] == [[16, 32]] * 2


def test_each_character_is_a_circle_of_its_weight_and_its_effect() -> None:
    axes = attention.against([0.1, 0.9], [1.5, 0.2]).axes[0]
    assert list(axes.lines[0].get_xdata()) == [0.1, 0.9]
    assert list(axes.lines[0].get_ydata()) == [1.5, 0.2]


def test_the_best_model_is_on_top_of_the_ranking() -> None:
    rows = {"good": (1.9, 1.8, 2.0), "bad": (2.4, 2.3, 2.5)}
    axes = leaderboard.ranking(rows, {"theirs": 2.0}).axes[0]
    labels = [t.get_text() for t in axes.get_yticklabels()]
    assert labels == ["bad", "theirs", "good"]
    assert list(axes.lines[0].get_xdata()) == [2.3, 2.5]


def test_costs_stand_over_weights_and_over_seconds() -> None:
    figure = leaderboard.costs({"a": (100, 2.0, 1.9), "b": (1000, 20.0, 1.8)})
    top, bottom = figure.axes
    assert [line.get_xdata()[0] for line in top.lines] == [100, 1000]
    assert [line.get_xdata()[0] for line in bottom.lines] == [2.0, 20.0]
    assert [line.get_ydata()[0] for line in top.lines] == [1.9, 1.8]


def test_losses_by_place_are_drawn_for_each_model() -> None:
    axes = leaderboard.by_place({"a": [2.9, 2.0], "b": [2.8, 1.5]}).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[2.9, 2.0], [2.8, 1.5]]


def test_the_folds_lie_on_the_sum_of_the_units_and_each_example_has_a_tick() -> None:
    units = [(1.0, 1.0, 1.0), (-2.0, 2.0, 0.5), (1.0, -3.0, 2.0)]
    axes = initialization.folds(units, [-2.0, 0.5]).axes[0]
    *parts, total, dots, ticks = [np.asarray(line.get_xydata()).tolist() for line in axes.lines]
    assert [x for x, _ in dots] == [-1.0, 1.0, 3.0]
    assert all([x, sum(v * max(0.0, w * x + b) for w, b, v in units)] in total for x, _ in dots)
    assert [x for x, _ in ticks] == [-2.0, 0.5]
    assert len(parts) == 3
    assert all(
        height == 0.0 for x, height in parts[2] if x <= 3.0
    )  # the third is dead for what lies before 3


def test_stairs_go_from_the_diagonal_to_the_curve_and_back() -> None:
    figure = initialization.fixed_point([1.0, 2.0], {"1": [0.5, 0.8], "5/3": [1.1, 1.4]}, [[2.0, 1.4, 1.2]])
    diagonal, first, second, stairs, start = figure.axes[0].lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [1.0, 2.0]
    assert [list(line.get_ydata()) for line in (first, second)] == [[0.5, 0.8], [1.1, 1.4]]
    corners = np.asarray(stairs.get_xydata()).tolist()
    assert corners == [[2.0, 2.0], [2.0, 1.4], [1.4, 1.4], [1.4, 1.2], [1.2, 1.2]]
    assert np.asarray(start.get_xydata()).tolist() == [[2.0, 2.0]]


# The chapter on a GPT


def test_a_block_shows_its_parts_and_one_straight_way() -> None:
    axes = gpt.block(16).axes[0]
    texts = [text.get_text() for text in axes.texts]
    for part in (
        "attention",
        "fc1, ReLU",
        "fc2",
        "x",
        "to the next block",
        "keys and values\nof earlier places",
    ):
        assert texts.count(part) == 1
    assert texts.count("norm") == texts.count("+") == 2
    assert texts.count("(16,)") == 3
    assert texts.count("(64,)") == 1
    arrows = [text.arrow_patch for text in axes.texts if isinstance(text, Annotation)]
    straight = [arrow for arrow in arrows if arrow.get_edgecolor() == to_rgba(style.PALETTE["orange"])]
    assert len(arrows) == 11
    assert len(straight) == 3


def test_the_run_shows_each_loss_the_mean_of_a_hundred_and_the_last() -> None:
    losses = [3 - 0.001 * i + 0.5 * (-1) ** i for i in range(300)]
    axes = gpt.run(losses, 2.4).axes[0]
    dots, means, dev, last = axes.lines
    assert list(dots.get_ydata()) == losses
    assert len(means.get_xdata()) == 201
    assert means.get_ydata()[0] == pytest.approx(sum(losses[:100]) / 100)
    assert means.get_xdata()[0] == 50.5
    assert list(dev.get_ydata()) == [2.4, 2.4]
    assert (last.get_xdata()[0], last.get_ydata()[0]) == (300, losses[-1])
    assert "step" in axes.get_xlabel()
    assert "nats" in axes.get_ylabel()


def test_differences_stand_with_two_errors_on_either_side_of_zero() -> None:
    axes = gpt.beside({"pairs": (-0.1, 0.02), "sixes": (0.01, 0.01)}).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pairs", "sixes"]
    bars = [container.lines[2][0].get_segments()[0] for container in axes.containers]
    assert bars[0][:, 0].tolist() == pytest.approx([-0.14, -0.06])
    assert bars[1][:, 0].tolist() == pytest.approx([-0.01, 0.03])


def test_losses_of_the_last_name_are_dots_in_a_row_for_each_network() -> None:
    axes = gpt.by_part({"one": [1.0, 1.5], "two": [0.1, 0.2]}).axes[0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[1.0, 1.5], [0.1, 0.2]]
    assert axes.get_xlim()[0] == 0
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two"]


def test_the_picture_of_all_models_has_the_highest_loss_on_top_and_what_each_wrote() -> None:
    entries = [
        leaderboard.Entry("pairs", "counts", 2.4, (2.3, 2.5), "qzn"),
        leaderboard.Entry("half of each", "both", 1.9, (1.8, 2.0), "mara"),
        leaderboard.Entry("a tree", "network", 2.0, (1.95, 2.05), "lio"),
    ]
    axes = leaderboard.in_one(entries).axes[0]
    assert [text.get_text() for text in axes.texts] == [
        "pairs",
        "qzn",
        "a tree",
        "lio",
        "half of each",
        "mara",
    ]
    marked = [line for line in axes.lines if line.get_marker() not in ("None", "") and len(line.get_xdata())]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marked] == [(2.4, 0), (2.0, -1), (1.9, -2)]
    assert [line.get_marker() for line in marked] == ["s", "o", "D"]
    bars = [line for line in axes.lines if line.get_linewidth() == 2 and len(line.get_xdata()) == 2]
    assert [tuple(bar.get_xdata()) for bar in bars] == [(2.3, 2.5), (1.95, 2.05), (1.8, 2.0)]
    assert "letters" in axes.child_axes[0].get_xlabel()
