// The topology widget: an application as OAM tells it and as Kubernetes does, with what is known of the object that is selected.

function render({ model, el }) {
  const name = model.get("app") || model.get("scene").namespace || "";
  const words = model.get("words");
  const { body, say, set, watch, close, ends } = frame(model, el, `${words.topologyOf} ${name}`);

  const select = (id) => set({ selected: id });
  const open = (id) => set({ opened: [...model.get("opened"), id] });
  const views = {
    oam: picture({ label: words.oam, select, open }),
    kubernetes: picture({ label: words.kubernetes, select, open }),
  };
  ends.push(views.oam.close, views.kubernetes.close);
  const sections = Object.fromEntries(
    Object.entries(views).map(([key, each]) => [
      key,
      element("div", {}, element("h4", {}, words[key]), each.canvas),
    ]),
  );
  const empty = element("p", {}, words.empty);
  const problem = element("p", { class: "oam-is-failed" });
  const side = element("div", { class: "oam-side" });
  const columns = element(
    "div",
    { class: "oam-columns" },
    element("div", { class: "oam-pictures" }, problem, empty, sections.oam, sections.kubernetes),
    side,
  );

  // --- tools
  const choices = ["oam", "kubernetes", "both"].map((key) =>
    button(words[key], () => set({ view: key }), { "data-view": key }),
  );
  const search = element("input", { type: "search", "aria-label": words.search, placeholder: words.searchHint });
  const states = element(
    "select",
    { "aria-label": words.state },
    element("option", { value: "" }, words.anyState),
    element("option", { value: "troubled" }, words.troubled),
    ...words.states.map(({ state, icon, word }) => element("option", { value: state }, `${icon} ${word}`)),
  );
  const eachShown = (action) => {
    for (const [key, each] of Object.entries(views)) if (!sections[key].hidden) action(each, key);
  };
  const pause = button(words.pause, () => set({ paused: !model.get("paused") }));
  const legendBody = legend(words);
  const legendButton = button(words.legend, () => {
    shown(legendBody, legendBody.hidden);
    legendButton.setAttribute("aria-expanded", String(!legendBody.hidden));
  }, { "aria-expanded": "false" });
  const refold = button(words.fold, () => set({ opened: [] }));
  const tools = element(
    "div",
    { class: "oam-tools" },
    element("span", { role: "group", "aria-label": words.views }, ...choices),
    search,
    states,
    element(
      "span",
      { role: "group", "aria-label": words.fitHint },
      button("−", () => eachShown((each) => each.zoom(1 / STEP)), { "aria-label": words.zoomOut, title: words.zoomOut }),
      button("+", () => eachShown((each) => each.zoom(STEP)), { "aria-label": words.zoomIn, title: words.zoomIn }),
      button(words.fit, () => eachShown((each) => each.fit()), { title: words.fitHint }),
    ),
    pause,
    legendButton,
    refold,
    button(words.copyText, async () => say((await copyText(text())) ? words.copied : words.notCopied)),
    button(words.copyPicture, () => copyPicture()),
  );
  body.append(tools, shown(legendBody, false), columns);

  const text = () => {
    const parts = [];
    eachShown((_, key) => parts.push(model.get("scene").views[key].text));
    return parts.join("\n\n");
  };
  const copyPicture = async () => {
    const sheets = [];
    eachShown((each, key) => sheets.push(standalone(each.root, model.get("scene").views[key])));
    const png = asPng(sheets);
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
      say(words.copied);
    } catch {
      const link = element("a", { href: URL.createObjectURL(await png), download: `${name || "topology"}.png` });
      link.click();
      URL.revokeObjectURL(link.href);
      say(words.saved);
    }
  };

  // --- what is drawn
  const matching = (scene) => {
    const query = search.value.trim().toLowerCase();
    const state = states.value;
    if (!query && !state) return null;
    const found = new Set();
    for (const view of Object.values(scene.views)) {
      for (const node of view.nodes) {
        const all = [node.kind, node.name, node.line, ...node.members].join("\n").toLowerCase();
        const fits = state === "troubled" ? !["ok", "present"].includes(node.state) : !state || node.state === state;
        if (fits && all.includes(query)) found.add(node.id);
      }
    }
    return found;
  };
  const mark = () => {
    const scene = model.get("scene");
    if (!scene.views) return;
    const selected = model.get("selected");
    const matches = matching(scene);
    const linked = new Set(scene.links[selected] ?? []);
    for (const each of Object.values(views)) each.mark(selected, linked, matches);
    return matches;
  };
  watch(["scene", "view"], () => {
    const scene = model.get("scene");
    if (!scene.views) return;
    const view = model.get("view");
    const changed = new Map();
    for (const [key, each] of Object.entries(views)) {
      const some = scene.views[key].nodes.length > 0;
      shown(sections[key], some && (view === "both" || view === key));
      if (some) for (const node of each.draw(scene.views[key])) changed.set(node.id, node.sentence);
    }
    shown(empty, Object.values(scene.views).every((each) => !each.nodes.length));
    problem.textContent = scene.problem ? `× ${scene.problem}` : "";
    shown(problem, Boolean(scene.problem));
    for (const each of choices) each.setAttribute("aria-pressed", String(each.dataset.view === view));
    mark();
    if (changed.size) {
      const sentences = [...changed.values()];
      say(sentences.slice(0, 3).join(". ") + (sentences.length > 3 ? ` (+ ${sentences.length - 3})` : ""));
    }
  });
  watch(["opened"], () => shown(refold, model.get("opened").length > 0));
  watch(["paused"], () => {
    pause.textContent = model.get("paused") ? words.resume : words.pause;
    pause.setAttribute("aria-pressed", String(model.get("paused")));
  });
  watch(["selected", "details"], () => {
    mark();
    tell(side, model, words, () => select(""));
  });
  const look = () => {
    const matches = mark();
    if (matches) say(`${matches.size} ${words.hits}`);
  };
  search.addEventListener("input", look);
  states.addEventListener("change", look);
  return close;
}

/** Write what is known of the selected object. */
function tell(side, model, words, leave) {
  const selected = model.get("selected");
  const known = model.get("details");
  if (!selected) {
    side.replaceChildren(element("p", {}, words.nothingSelected), element("p", {}, element("small", {}, words.help)));
    return;
  }
  if (known.id !== selected) {
    side.replaceChildren(element("h3", {}, selected), element("p", {}, words.waitingForKernel));
    return;
  }
  const opened = new Set([...side.querySelectorAll("details[open]")].map((each) => each.dataset.part));
  const first = side.querySelectorAll("details").length === 0;
  const part = (key, title, content, open) =>
    element("details", { "data-part": key, open: first ? open : opened.has(key) }, element("summary", {}, title), content);
  const scrolled = side.querySelector(".oam-yaml")?.scrollTop ?? 0;
  side.replaceChildren(
    element("h3", {}, known.title, " ", button(words.close, leave)),
    element("p", {}, known.sentence),
    part("conditions", `${words.conditions} (${known.conditions.length})`, conditions(known.conditions, words), true),
    part("events", `${words.events} (${known.events.length})`, eventList(known.events, words), true),
  );
  if (known.yaml.length) {
    side.append(part("yaml", words.yaml, yamlBlock(known.yaml, `${words.yaml} ${known.title}`), true));
    side.querySelector(".oam-yaml").scrollTop = scrolled;
    const marked = first || known.id !== side.told ? side.querySelector(".oam-marked") : null;
    if (marked) side.querySelector(".oam-yaml").scrollTop = marked.offsetTop - side.querySelector(".oam-yaml").offsetTop - 40;
  }
  side.told = known.id;
}

function conditions(rows, words) {
  if (!rows.length) return element("p", {}, words.noConditions);
  return element(
    "ul",
    {},
    rows.map((row) =>
      element("li", {}, element("strong", {}, `${row.type}: ${row.status}`), ` ${row.reason}`, row.message ? ` – ${row.message}` : ""),
    ),
  );
}

function eventList(rows, words) {
  if (!rows.length) return element("p", {}, words.noEvents);
  return element(
    "ul",
    {},
    rows.map((row) =>
      element("li", {}, element("strong", {}, `${row.type === "Warning" ? "! " : ""}${row.reason}`), ` ${row.message}`, row.count > 1 ? ` (× ${row.count})` : ""),
    ),
  );
}

function legend(words) {
  const sample = (state) =>
    drawn("svg", { "aria-hidden": "true", class: `oam-is-${state}` }, drawn("rect", { class: "oam-box", x: 2, y: 2, width: 22, height: 12, rx: 3 }));
  return element(
    "ul",
    { class: "oam-legend", "aria-label": words.legend },
    words.states.map(({ state, icon, word }) => element("li", {}, sample(state), `${icon} ${word}`)),
    words.roles.map(({ letter, word }) => element("li", {}, element("strong", {}, letter), word)),
    element("li", {}, words.owns),
    element("li", {}, `↔ ${words.tie}`),
  );
}

export default { render };
