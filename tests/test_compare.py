"""What is said of two tensors."""

from __future__ import annotations

import torch

from nnz.compare import compare


def test_compare_says_exact_approximate_or_by_how_much() -> None:
    one = torch.tensor([1.0, 2.0])
    assert compare("x", one.clone(), one) == "x: exact"
    assert compare("x", one + 1e-6, one).startswith("x: approximate, within")
    assert compare("x", one + 0.25, one) == "x: WRONG by up to 0.25"
    assert compare("x", one[:1], one) == "x: WRONG shape (1,), not (2,)"
    assert "WRONG" in compare("x", one * torch.nan, one)
    double = one.double()
    assert "approximate" in compare("x", double + 1e-13, double)
    assert "WRONG" in compare("x", double + 1e-6, double)
    assert "WRONG dtype torch.float64" in compare("x", double, one)
    nothing = torch.zeros(2)
    assert "approximate" in compare("x", nothing + 5e-9, nothing)
    assert "WRONG" in compare("x", nothing + 5e-8, nothing)
    assert "approximate" in compare("x", nothing.double() + 5e-14, nothing.double())
    assert "WRONG" in compare("x", nothing.double() + 5e-13, nothing.double())
    far = torch.tensor([100.0, 0.001])  # the small number is rounded as the large
    assert "approximate" in compare("x", far + 5e-5, far)
    assert "WRONG" in compare("x", far + 5e-3, far)
    large = torch.tensor([100.0, 0.0])
    assert "approximate" in compare("x", large + torch.tensor([0.0, 0.97e-4]), large)
    assert "WRONG" in compare("x", large + torch.tensor([0.0, 1.03e-4]), large)
