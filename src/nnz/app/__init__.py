"""The command line, trained models in files and in a store, and a reader's own lists."""
