"""What the book needs besides the code it teaches: finding data, checking claims, drawing figures."""
