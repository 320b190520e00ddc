"""What turns chapters into a book: claims, recordings, listings, executed pages, the rules of the house."""
