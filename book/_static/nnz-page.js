// What the theme leaves open: a button that prints, and formulas that the keyboard reaches where they scroll.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button[data-print]"))
    button.addEventListener("click", () => window.print());
  const sizes = new ResizeObserver(entries => {
    for (const { target } of entries)
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
  });
  window.MathJax?.startup?.promise.then(() =>
    document.querySelectorAll("div.math mjx-container").forEach(box => sizes.observe(box)));
});
