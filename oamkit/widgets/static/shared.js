// What all widgets share. These files are put together into one module by oamkit/widgets/base.py, so they import nothing.
// Names, annotations and YAML come from a cluster, so anyone may have written them: they become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element: element("button", {class: "x", on: {click: f}}, "text", child). */
function element(tag, options = {}, ...children) {
  return filled(document.createElement(tag), options, children);
}

/** Make an SVG element. */
function drawn(tag, options = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), options, children);
}

function filled(made, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  for (const [name, handler] of Object.entries(on)) made.addEventListener(name, handler);
  made.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== ""));
  return made;
}

function button(label, action, options = {}) {
  return element("button", { type: "button", class: "oam-button", ...options, on: { click: action } }, label);
}

/** Show or hide an element, for everybody. */
function shown(made, visible) {
  made.hidden = !visible;
  return made;
}

/** Keep one element per key up to date: existing ones are updated and moved, others are made or removed. */
function keyed(parent, items, key, make, update) {
  parent.keyed ??= new Map();
  const before = parent.keyed;
  const now = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const at = key(item);
    const known = before.get(at);
    const made = known ?? make(item);
    update(made, item, known === undefined);
    if (made === place) place = place.nextSibling;
    else parent.insertBefore(made, place);
    now.set(at, made);
  }
  for (const [at, made] of before) if (now.get(at) !== made) made.remove();
  parent.keyed = now;
}

const viewsOf = new WeakMap();

/** Tell the kernel whether any page shows the widget: what nobody sees isn't followed. */
function countView(model, step) {
  const count = (viewsOf.get(model) ?? 0) + step;
  viewsOf.set(model, count);
  if (model.get("shown") !== count > 0) {
    model.set("shown", count > 0);
    model.save_changes();
  }
}

/** Set up a widget: its frame, its messages, and its end. Returns what the widget is built with. */
function frame(model, root, label, follows = true) {
  const words = model.get("words");
  const ends = [];
  const body = element("div", { class: "oam-body" });
  const spoken = element("div", { class: "oam-spoken", role: "status", "aria-live": "polite" });
  const lostWhy = element("small", {});
  const lost = element(
    "div",
    { class: "oam-banner oam-lost", hidden: true },
    element("strong", {}, `! ${words.lost}`),
    element("br"),
    lostWhy,
    element("br"),
    words.retrying,
    " ",
    button(words.again, () => set({ again: model.get("again") + 1 })),
  );
  const dead = element("div", { class: "oam-banner oam-lost oam-dead", hidden: true }, element("strong", {}, `! ${words.dead}`));
  const problemText = element("span", {});
  const problem = element(
    "div",
    { class: "oam-banner oam-problem", role: "alert", hidden: true },
    element("strong", {}, `× ${words.failed}: `),
    problemText,
  );
  // JupyterLab's own keys (two times D deletes a cell) must not act while a widget has the focus; it asks the focused element itself.
  const guard = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  const outer = element(
    "section",
    { class: "oam", "aria-label": label, on: { focusin: guard } },
    dead,
    lost,
    problem,
    body,
    spoken,
  );
  root.append(outer);

  let waiting = 0;
  /** Let a screen reader say something, the last of what comes within half a second. */
  const say = (text) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      spoken.textContent = text;
    }, 500);
  };
  const set = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  /** Call a function now and whenever one of these traits changes. */
  const watch = (names, action) => {
    const events = names.map((name) => `change:${name}`).join(" ");
    model.on(events, action);
    ends.push(() => model.off(events, action));
    action();
  };
  if (follows) {
    let wasLost = "";
    watch(["lost"], () => {
      const why = model.get("lost");
      lostWhy.textContent = why;
      shown(lost, Boolean(why));
      if (why) say(`${words.lost} ${why}`);
      else if (wasLost) say(words.back);
      wasLost = why;
    });
    countView(model, 1);
    ends.push(() => countView(model, -1));
  }
  const ended = () => {
    shown(dead, true);
    say(words.dead);
  };
  model.on("comm_live_update", ended);
  ends.push(() => model.off("comm_live_update", ended));
  watch(["problem"], () => {
    problemText.textContent = model.get("problem");
    shown(problem, Boolean(model.get("problem")));
  });
  const close = () => {
    clearTimeout(waiting);
    for (const end of ends.splice(0)) end();
  };
  return { words, body, say, set, watch, close, ends };
}

/** YAML with marks: each line is text; lines that somebody wrote are marked by a bar, a background and a note. */
function yamlBlock(lines, label) {
  const code = element("pre", { class: "oam-yaml", tabindex: "0", role: "region", "aria-label": label });
  let before = "";
  for (const { text, note } of lines) {
    const row = element("span", { class: note ? "oam-line oam-marked" : "oam-line" }, text || " ");
    if (note && note !== before) row.prepend(element("em", { class: "oam-note" }, `↓ ${note}`));
    before = note;
    code.append(row);
  }
  return code;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
