// Where a picture has positions to choose from, a slider takes the place of the buttons, which it presses.
document.addEventListener("DOMContentLoaded", () => {
  for (const choices of document.querySelectorAll(".nnz-slide fieldset")) {
    const buttons = [...choices.querySelectorAll("input[type=radio]")];
    const names = buttons.map(button => choices.querySelector(`label[for="${button.id}"]`).textContent);
    const slider = document.createElement("input"), reading = document.createElement("output");
    Object.assign(slider, { type: "range", min: 0, max: buttons.length - 1, step: 1, id: buttons[0].name });
    slider.setAttribute("aria-label", choices.querySelector("legend").textContent);
    reading.htmlFor = slider.id;
    const show = () => {
      buttons[slider.value].checked = true;
      reading.textContent = names[slider.value];
      slider.setAttribute("aria-valuetext", names[slider.value]);
    };
    slider.value = buttons.findIndex(button => button.checked);
    slider.addEventListener("input", show);
    choices.classList.add("slid");
    choices.append(slider, reading);
    show();
  }
});
