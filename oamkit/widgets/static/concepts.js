// The concept explorer: a map of OAM's concepts, and beside it what the chosen one means.

function render({ model, el }) {
  const words = model.get("words");
  const { body, set, watch, close, ends } = frame(model, el, words.concepts);
  const map = picture({
    label: words.concepts,
    select: (id) => id && set({ selected: id, object: "" }),
    height: 560,
  });
  ends.push(map.close);
  const side = element("div", { class: "oam-side" });
  body.append(element("div", { class: "oam-columns" }, element("div", { class: "oam-pictures" }, map.canvas), side));
  watch(["scene", "selected"], () => {
    const scene = model.get("scene");
    if (!scene.nodes) return;
    map.draw(scene);
    map.mark(model.get("selected"), new Set(), null);
  });
  watch(["concepts", "selected", "object", "yaml"], () => {
    const concept = model.get("concepts").find((each) => each.name === model.get("selected"));
    if (!concept) return;
    const answered = side.told === concept.name && side.querySelector("details")?.open;
    side.told = concept.name;
    const object = model.get("object");
    const lines = object && model.get("yaml").length ? model.get("yaml") : concept.example.split("\n").map((text) => ({ text, note: "" }));
    const choice = (id, label) =>
      button(label, () => set({ object: id }), { "aria-pressed": String(object === id) });
    side.replaceChildren(
      element("h3", {}, concept.name),
      element("p", {}, element("strong", {}, `${words.owner}: `), concept.owner),
      element("p", {}, concept.meaning),
      element(
        "div",
        { class: "oam-tools", role: "group", "aria-label": words.inCluster },
        choice("", words.example),
        concept.objects.map((each) => choice(each.id, `${each.kind} ${each.name}`)),
        concept.objects.length ? null : element("small", {}, words.noObjects),
      ),
      yamlBlock(lines, words.yaml),
      element("h4", {}, words.question),
      element("p", {}, concept.question),
      element("details", { open: answered }, element("summary", {}, words.answer), element("p", {}, concept.answer)),
    );
  });
  return close;
}

export default { render };
