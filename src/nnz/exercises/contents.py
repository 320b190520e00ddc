"""Which exercises there are: chapter by chapter in the book's order, each with its name and its title.

This table is apart from the chapters' files so that it can be read without importing them, and torch with them.
"""

from __future__ import annotations

import difflib

CONTENTS = {
    "engine": {
        "gradient": "A gradient on paper",
        "forward_difference": "A gradient from forward differences",
        "symmetric_difference": "A gradient from both sides",
        "softmax_nll": "The loss of a softmax",
        "maximum": "A new operation",
        "second_derivative": "The slope of the slope",
    },
    "network": {
        "count_parameters": "Counting parameters",
        "xor": "Exclusive or, by hand",
        "momentum_step": "A step with momentum",
        "logistic_loss": "The logistic loss",
    },
    "live": {
        "__add__": "A sum that remembers",
        "__mul__": "A product that remembers",
        "backward": "All the way back",
    },
    "bigram": {
        "column_sums": "The wrong axis, explained",
        "backwards_loss": "Backwards",
        "likeliest": "The likeliest name",
        "my_draw": "Your own draw",
        "relative_loss": "A list of your own",
        "losses_by_k": "Smoothing never helps on the training set",
    },
    "bigram-network": {
        "logits_gradient": "The gradient of the logits",
        "rows_gradient": "A row at a time",
        "safe_cross_entropy": "A thousand nats",
        "same_model": "Other weights, same model",
        "exact_charge": "The charge that is add-k",
    },
    "ngram": {
        "trigram_loss": "A trigram from a dictionary",
        "best_k": "Choosing the smoothing",
        "discounted_row": "One row, discounted",
        "continuations": "How many neighbors",
        "estimated_discount": "The discount without a dev set",
        "mixed_log_probs": "Two models together",
    },
    "evaluation": {
        "loss_without_first": "The character that nobody scored",
        "bits_for_name": "What a name costs to send",
        "standard_error": "An error bar without drawing",
        "names_needed": "How many names",
        "distinct_split": "A split without leaks",
    },
    "mlp": {
        "embed": "Side by side",
        "bengio_parameters": "How many weights",
        "quiet_start": "The first loss",
        "batch_error": "How much a batch says",
        "best_mixture": "An idea from the paper",
    },
    "training": {
        "warm_cosine": "A schedule of your own",
        "adamw_step": "A step of AdamW",
        "rate_to_keep": "Reading a range test",
        "whole_gradient": "A batch in parts",
    },
    "fitting": {
        "stop_early": "When to stop",
        "log_uniform": "Numbers of every size",
        "averaged_log_probs": "Three are better than one",
        "beat_the_table": "Beat the lecture",
    },
    "initialization": {
        "moving_weights": "Zero everywhere",
        "unigram_floor": "The floor of a network that only has a bias",
        "stack_std": "Ten layers without a network",
        "uniform_bound": "The same spread, evenly",
        "dead_units": "Dead, or only asleep",
    },
    "batchnorm": {
        "batch_norm": "Over which axes",
        "running_averages": "What is remembered",
        "fold_batchnorm": "Fold it away",
        "coupling": "Who looks at whom",
        "layer_norm": "The other axis",
    },
    "diagnostics": {
        "update_ratios": "How far a step goes",
        "factor_per_layer": "A factor for each layer",
        "twins": "Twins",
        "diagnose": "The doctor",
    },
    "backprop-network": {
        "linear_backward": "Three gradients of a layer",
        "example_gradients": "A gradient for each example",
        "numerical_gradient": "Slopes by nudging",
        "directional_error": "One direction instead of all",
    },
    "backprop": {
        "all_gradients": "Every line",
        "dlogits": "Pushing and pulling",
        "dhprebn": "A norm in one line",
        "hand_step": "A step without autograd",
        "layer_norm_backward": "The norm over the other axis",
        "residual_backward": "A way around",
        "adam_by_hand": "Adam on your own gradients",
    },
    "wavenet": {
        "flatten_by_strides": "Neighbors by slices",
        "tree_parameters": "The weights of a tree",
        "width_for": "As wide as a budget allows",
        "smoothed": "A curve that can be read",
        "joint_importance": "Several places at once",
    },
    "dilated": {
        "receptive_field": "How far it sees",
        "causal_conv": "Torch's convolution, made causal",
        "packed_places": "Places without a loop",
        "dilations_for": "One more stack",
        "gated": "A gate",
        "top_p": "The nucleus",
    },
    "recurrent": {
        "rnn_step_backward": "One step back",
        "gru_paper": "The other gated unit",
        "lstm_step": "A memory beside the state",
        "still_running": "How many still run",
        "sums_since": "The simplest state",
    },
    "attention": {
        "causal_weights": "Nothing from later",
        "scores_backward": "A gradient less its mean",
        "merged_heads": "Side by side again",
        "rotary": "Positions that turn",
        "safe_softmax": "Nothing to see",
    },
    "gpt": {
        "gpt_parameters": "How many numbers",
        "gelu": "The function of GPT-2",
        "rms_norm_backward": "A norm without a mean",
        "tied_gradient": "One table at both ends",
        "loss_per_name": "What the program prints",
    },
    "leaderboard": {
        "beat": "Beat the book",
        "gru_step": "A step of a gated recurrent unit",
        "pareto_front": "Small and good",
        "paired_error": "The error bar of a difference",
    },
}


def unknown(name: str) -> str:
    """Say that there is no exercise of that name, and which names are near.

    >>> unknown("softmax")
    "no exercise is named 'softmax'; the nearest: softmax_nll, safe_softmax."
    """
    names = [known for titles in CONTENTS.values() for known in titles]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"the nearest: {', '.join(near)}" if near else "see listing()"
    return f"no exercise is named {name!r}; {hint}."
