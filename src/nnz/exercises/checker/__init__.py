"""The machine that judges an answer: what an exercise is, how an answer is called, and what is said of it."""
