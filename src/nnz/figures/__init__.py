"""The book's one style of figure, and the functions that draw them, a module for each chapter.

A figure is drawn in dark ink on nothing: no face, so that the page shows through. In the dark
theme the site inverts it and turns the hues back: ink becomes light, each color keeps its name.
"""
