"""The code of the book *Neural Networks from Zero*: one small module per idea, nothing re-exported."""
