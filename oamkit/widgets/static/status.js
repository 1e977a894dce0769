// The status bar: the cluster part by part, each with its log one click away.

function render({ model, el }) {
  const words = model.get("words");
  const { body, say, set, watch, close } = frame(model, el, words.status);
  const list = element("ul", { class: "oam-parts" });
  const title = element("h3", {});
  const lines = element("pre", { class: "oam-log", tabindex: "0", role: "region", "aria-label": words.log });
  const log = element(
    "div",
    {},
    title,
    lines,
    element(
      "div",
      { class: "oam-tools" },
      button(words.refresh, () => set({ refreshed: model.get("refreshed") + 1 })),
      button(words.close, () => set({ log: "" })),
    ),
  );
  body.append(list, log);
  const make = () => {
    const made = element("li", {});
    made.parts = {
      name: element("strong", {}),
      state: element("span", { class: "oam-state-word" }),
      detail: element("small", {}),
      log: button(words.log, () => set({ log: model.get("log") === made.log ? "" : made.log })),
    };
    made.append(...Object.values(made.parts));
    return made;
  };
  const update = (made, item, isNew) => {
    const { name, state, detail } = made.parts;
    made.log = item.log;
    made.className = `oam-is-${item.state}`;
    name.textContent = item.name;
    const word = `${item.icon} ${item.word}${item.count ? `  ${item.count}` : ""}`;
    if (!isNew && state.textContent !== word) say(`${item.name}: ${word}`);
    state.textContent = word;
    detail.textContent = item.detail;
    made.parts.log.setAttribute("aria-label", `${words.log}: ${item.name}`);
    made.parts.log.setAttribute("aria-expanded", String(model.get("log") === item.log));
    shown(made.parts.log, Boolean(item.log));
  };
  watch(["items", "log"], () => keyed(list, model.get("items"), (item) => item.name, make, update));
  watch(["log", "lines"], () => {
    const part = model.get("items").find((item) => item.log && item.log === model.get("log"));
    shown(log, Boolean(part));
    title.textContent = part ? `${words.log}: ${part.name}` : "";
    lines.textContent = model.get("lines") || words.loading;
    lines.scrollTop = lines.scrollHeight;
  });
  return close;
}

export default { render };
