// Replaces each static chart by one that answers to the pointer, and joins its controls to it.
const dark = matchMedia("(prefers-color-scheme: dark)");

document.querySelectorAll("figure > script[type='application/json']").forEach(async (held) => {
  const figure = held.parentElement;
  const options = { actions: false, renderer: "svg", tooltip: { theme: dark.matches ? "dark" : "light" } };
  const drawn = await vegaEmbed(figure.querySelector(".chart"), JSON.parse(held.textContent), options);
  figure.querySelectorAll("fieldset").forEach((controls) => {
    controls.hidden = false;
    controls.addEventListener("change", (event) => {
      const box = event.target;
      drawn.view.signal(box.name, box.type === "checkbox" ? box.checked : box.value).runAsync();
    });
  });
});
