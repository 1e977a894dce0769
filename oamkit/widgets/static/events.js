// The events widget: newest first, what is said again is counted.

function render({ model, el }) {
  const words = model.get("words");
  const { body, say, set, watch, close } = frame(model, el, words.events);
  const search = element("input", { type: "search", "aria-label": words.search, placeholder: words.searchEvents });
  const check = (label) => {
    const box = element("input", { type: "checkbox" });
    const caption = element("span", {}, label);
    return { box, caption, row: element("label", {}, box, " ", caption) };
  };
  const warnings = check(words.onlyWarnings);
  const recent = check(words.sinceStep);
  const chosen = check(words.onlySelected);
  const rows = element("tbody", {});
  const none = element("p", {}, words.noEvents);
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, [words.time, words.type, words.about, words.event].map((each) => element("th", { scope: "col" }, each)))),
    rows,
  );
  const scroll = element("div", { class: "oam-scroll", tabindex: "0", role: "region", "aria-label": words.events }, table);
  body.append(
    element(
      "div",
      { class: "oam-tools" },
      search,
      warnings.row,
      recent.row,
      button(words.fromNow, () => {
        recent.box.checked = true;
        set({ since: new Date().toISOString().slice(0, 19) + "Z" });
      }),
      chosen.row,
    ),
    scroll,
    none,
  );

  let known = null;
  const make = () => element("tr", {}, ...[0, 1, 2, 3].map(() => element("td", {})));
  const update = (made, row) => {
    const looks = JSON.stringify(row);
    if (made.looks === looks) return;
    made.looks = looks;
    const [time, type, about, event] = made.children;
    time.textContent = row.time ? new Date(row.time).toLocaleTimeString() : "";
    const warning = row.type === "Warning";
    made.className = warning ? "oam-is-warning" : "";
    type.replaceChildren(element("span", { class: warning ? "oam-state-word" : "oam-whole" }, warning ? `! ${words.warning}` : `• ${words.normal}`));
    about.replaceChildren(
      element("button", { type: "button", class: "oam-link", on: { click: () => set({ selected: row.about }) } }, `${row.kind} ${row.name}`),
    );
    event.replaceChildren(element("strong", {}, row.reason), ` ${row.message}`, row.count > 1 ? element("strong", {}, ` × ${row.count}`) : "");
    if (known !== null) {
      made.classList.add("oam-changed");
      setTimeout(() => made.classList.remove("oam-changed"), 1500);
    }
  };
  const list = () => {
    const selected = model.get("selected");
    shown(chosen.row, Boolean(selected));
    chosen.caption.textContent = `${words.onlySelected}: ${selected}`;
    const related = new Set([selected, ...model.get("related")]);
    const query = search.value.trim().toLowerCase();
    const since = model.get("since");
    const found = model.get("rows").filter(
      (row) =>
        (!warnings.box.checked || row.type === "Warning") &&
        (!recent.box.checked || row.time >= since) &&
        (!selected || !chosen.box.checked || related.has(row.about)) &&
        `${row.kind} ${row.name} ${row.reason} ${row.message}`.toLowerCase().includes(query),
    );
    keyed(rows, found, (row) => row.key, make, update);
    const fresh = known === null ? [] : found.filter((row) => !known.has(row.key));
    known = new Set(model.get("rows").map((row) => row.key));
    shown(none, !found.length);
    shown(scroll, found.length > 0);
    if (fresh.length) say(fresh.slice(0, 2).map((row) => `${row.kind} ${row.name}: ${row.reason}`).join(". "));
  };
  for (const box of [warnings.box, recent.box, chosen.box]) box.addEventListener("change", list);
  search.addEventListener("input", list);
  watch(["rows", "selected", "related", "since"], list);
  return close;
}

export default { render };
