// What the theme leaves open: a button that prints, and what the keyboard has to reach because it scrolls. The theme
// looks at code once, when the page is there; what is folded then, or gets its width later, is seen here.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button[data-print]"))
    button.addEventListener("click", () => window.print());
  const reach = box => {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  };
  const sizes = new ResizeObserver(entries => entries.forEach(({ target }) => reach(target)));
  const code = document.querySelectorAll(".bd-article pre");
  const all = () => code.forEach(reach);
  code.forEach(box => sizes.observe(box));
  window.addEventListener("load", () => requestAnimationFrame(all));
  document.fonts?.ready.then(all);
  window.MathJax?.startup?.promise.then(() =>
    document.querySelectorAll("div.math mjx-container").forEach(box => sizes.observe(box)));
});
