// Lays over each static chart one that answers to the pointer, and joins its controls to it. Expressions are interpreted,
// so that the page can forbid the evaluation of text.
const OPTIONS = {
  actions: false, renderer: "svg", ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true },
};

async function draw(figure, held) {
  const live = figure.querySelector(".live");
  const { view } = await vegaEmbed(live, JSON.parse(held.textContent), OPTIONS);
  live.hidden = false;
  figure.classList.add("drawn");
  const controls = figure.querySelector(".controls");
  if (!controls) return;
  controls.hidden = false;
  controls.addEventListener("change", ({ target }) =>
    view.signal(target.name, target.type === "checkbox" ? target.checked : target.value).runAsync(),
  );
}

for (const held of document.querySelectorAll("figure script[type='application/json']")) {
  const figure = held.closest("figure");
  draw(figure, held).catch((error) => console.error(`${figure.id} stays as it is: ${error}`));
}
