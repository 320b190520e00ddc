// What the theme would write into its elements, and a strict page may not have there.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button[data-print]"))
    button.addEventListener("click", () => window.print());
});
