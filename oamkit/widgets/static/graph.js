// A picture of nodes and lines that can be walked through by keyboard. Where everything stands was decided in Python.

const SMALLEST = 0.15;
const LARGEST = 2.5;
const READABLE = 0.65;
const STEP = 1.25;
const HIGHLIGHT = 1500;

/**
 * Draw a graph.
 *
 * label: what the picture is called; select(id): a node was chosen ("" for none); open(id): a fold was opened;
 * height: at most so many pixels.
 * Returns the element and what can be done with it.
 */
function picture({ label, select, open, height = 340 }) {
  let scene = null;
  let view = { x: 0, y: 0, scale: 0 };
  let untouched = true;
  let active = "";
  const marker = `oam-tip-${Math.random().toString(36).slice(2)}`;
  const wires = drawn("g", { "aria-hidden": "true" });
  const nodes = drawn("g", {});
  const root = drawn(
    "svg",
    { role: "tree", "aria-label": label, preserveAspectRatio: "xMinYMin meet" },
    drawn(
      "defs",
      {},
      drawn(
        "marker",
        { id: marker, markerWidth: 8, markerHeight: 8, refX: 6, refY: 3.5, orient: "auto" },
        drawn("path", { d: "M0,0 L7,3.5 L0,7 z", class: "oam-tip" }),
      ),
    ),
    wires,
    nodes,
  );
  const canvas = element("div", { class: "oam-canvas" }, root);

  const room = () => canvas.clientWidth || 800;
  const show = () => {
    const tall = Math.max(60, Math.min(height, Math.ceil(scene.height * view.scale)));
    root.setAttribute("height", tall);
    root.setAttribute("viewBox", `${view.x} ${view.y} ${room() / view.scale} ${tall / view.scale}`);
  };
  /** Show the picture as large as it can be read; the upper left part if it doesn't fit. */
  const start = () => {
    view = { x: 0, y: 0, scale: Math.max(READABLE, Math.min(1, room() / scene.width)) };
    show();
  };
  const fit = () => {
    const scale = Math.min(1, room() / scene.width, height / scene.height);
    view = { x: 0, y: 0, scale: Math.max(SMALLEST, scale) };
    untouched = false;
    show();
  };
  const zoom = (factor, at = null) => {
    const scale = Math.max(SMALLEST, Math.min(LARGEST, view.scale * factor));
    const box = root.getBoundingClientRect();
    const x = at ? at.clientX - box.left : box.width / 2;
    const y = at ? at.clientY - box.top : box.height / 2;
    view = { x: view.x + x / view.scale - x / scale, y: view.y + y / view.scale - y / scale, scale };
    untouched = false;
    show();
  };
  /** Move the picture so that a node is inside. */
  const reveal = (node) => {
    const box = root.getBoundingClientRect();
    const wide = box.width / view.scale;
    const tall = box.height / view.scale;
    const within = (from, size, start, length) =>
      Math.max(start + length + 16 - size, Math.min(from, start - 16));
    view.x = within(view.x, wide, node.x, scene.nodeWidth);
    view.y = within(view.y, tall, node.y, scene.nodeHeight);
    show();
  };

  const find = (id) => scene.nodes.find((node) => node.id === id);
  const focus = (node) => {
    if (!node) return;
    activate(node.id);
    reveal(node);
    nodes.keyed.get(node.id)?.focus({ preventScroll: true });
  };
  /** Let the Tab key reach one node; arrow keys go on from there. */
  const activate = (id) => {
    active = id;
    for (const [at, made] of nodes.keyed ?? []) made.setAttribute("tabindex", at === id ? "0" : "-1");
  };
  const choose = (node) => (node.members.length ? open?.(node.id) : select(node.id));

  root.addEventListener("keydown", (event) => {
    const index = scene.nodes.findIndex((node) => node.id === active);
    const node = scene.nodes[index];
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const child = scene.nodes.find((each) => each.parent === node.id);
    const action = {
      ArrowDown: () => focus(scene.nodes[index + 1]),
      ArrowUp: () => focus(scene.nodes[index - 1]),
      ArrowLeft: () => focus(find(node.parent)),
      ArrowRight: () => focus(child),
      Home: () => focus(scene.nodes[0]),
      End: () => focus(scene.nodes.at(-1)),
      Enter: () => choose(node),
      " ": () => choose(node),
      Escape: () => select(""),
      "+": () => zoom(STEP),
      "-": () => zoom(1 / STEP),
      0: fit,
    }[event.key];
    if (action) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  });

  // Only with Ctrl: without it, the wheel scrolls the notebook, as everywhere.
  root.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? STEP : 1 / STEP, event);
    },
    { passive: false },
  );
  let drag = null;
  root.addEventListener("pointerdown", (event) => {
    if (event.button === 0) drag = { x: event.clientX, y: event.clientY, from: view, moved: false };
  });
  root.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const x = event.clientX - drag.x;
    const y = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(x, y) < 5) return;
    if (!drag.moved) root.setPointerCapture(event.pointerId);
    drag.moved = true;
    untouched = false;
    root.classList.add("oam-dragged");
    view = { ...view, x: drag.from.x - x / view.scale, y: drag.from.y - y / view.scale };
    show();
  });
  const drop = () => {
    root.classList.remove("oam-dragged");
    if (drag?.moved) setTimeout(() => (drag = null));
    else drag = null;
  };
  root.addEventListener("pointerup", drop);
  root.addEventListener("pointercancel", drop);
  root.addEventListener("click", (event) => {
    if (drag?.moved) return;
    const made = event.target.closest(".oam-node");
    const node = made && find(made.dataset.id);
    if (!node) return;
    activate(node.id);
    made.focus({ preventScroll: true });
    choose(node);
  });

  const make = () => {
    const made = drawn("g", { role: "treeitem", tabindex: "-1" });
    made.parts = {
      stack: drawn("rect", { class: "oam-box", rx: 8, x: 4, y: 4 }),
      box: drawn("rect", { class: "oam-box", rx: 8 }),
      ring: drawn("rect", { class: "oam-ring", rx: 10, x: -4, y: -4 }),
      kind: drawn("text", { class: "oam-kind", x: 10, y: 17 }),
      letter: drawn("text", { class: "oam-letter", y: 17, "text-anchor": "end" }),
      name: drawn("text", { x: 10, y: 33 }),
      state: drawn("text", { class: "oam-state", x: 10, y: 47 }),
      tie: drawn("text", { class: "oam-tie", y: 47, "text-anchor": "end" }, "↔"),
    };
    made.append(...Object.values(made.parts));
    return made;
  };
  const update = (made, node, isNew) => {
    const looks = [node.kindShown, node.nameShown, node.lineShown, node.letter, node.state].join("\n");
    const place = `translate(${node.x},${node.y})`;
    if (made.place !== place) made.setAttribute("transform", (made.place = place));
    made.dataset.id = node.id;
    made.setAttribute("aria-level", node.level);
    if (made.looks === looks && made.sentence === node.sentence) return;
    const { stack, box, ring, kind, letter, name, state, tie } = made.parts;
    for (const each of [stack, box]) {
      each.setAttribute("width", scene.nodeWidth);
      each.setAttribute("height", scene.nodeHeight);
    }
    ring.setAttribute("width", scene.nodeWidth + 8);
    ring.setAttribute("height", scene.nodeHeight + 8);
    stack.style.display = node.members.length ? "" : "none";
    kind.textContent = node.kindShown;
    letter.textContent = node.letter;
    letter.setAttribute("x", scene.nodeWidth - 10);
    tie.setAttribute("x", scene.nodeWidth - 10);
    name.textContent = node.nameShown;
    state.textContent = node.lineShown;
    made.setAttribute("aria-label", node.sentence);
    made.setAttribute("class", `oam-node oam-is-${node.state}`);
    if (!isNew && made.looks !== looks) flash(made);
    made.looks = looks;
    made.sentence = node.sentence;
  };
  const flash = (made) => {
    made.classList.add("oam-changed");
    clearTimeout(made.flashing);
    made.flashing = setTimeout(() => made.classList.remove("oam-changed"), HIGHLIGHT);
  };

  let wired = "";
  /** Draw a scene. Returns the nodes that are new or differ from those before. */
  const draw = (next) => {
    const before = new Map((scene?.nodes ?? []).map((node) => [node.id, node.sentence]));
    const first = scene === null;
    const resized = first || next.width !== scene.width || next.height !== scene.height;
    scene = next;
    const lines = JSON.stringify(next.wires);
    if (lines !== wired) {
      wired = lines;
      wires.replaceChildren(
        ...next.wires.map((wire) =>
          drawn("path", {
            d: wire.path,
            class: wire.soft ? "oam-wire oam-wire-soft" : "oam-wire",
            "marker-end": `url(#${marker})`,
          }),
        ),
      );
    }
    const hadFocus = nodes.contains(document.activeElement);
    keyed(nodes, next.nodes, (node) => node.id, make, (made, node, isNew) => {
      update(made, node, isNew);
      if (isNew && !first) flash(made);
    });
    if (!find(active)) {
      activate(next.nodes[0]?.id ?? "");
      if (hadFocus) focus(next.nodes[0]);
    } else activate(active);
    if (resized) {
      if (untouched) start();
      else show();
    }
    return first ? [] : next.nodes.filter((node) => before.get(node.id) !== node.sentence);
  };
  /** Mark what is selected, what it is in the other picture, and what a search didn't find. */
  const mark = (selected, linked, matches) => {
    for (const node of scene?.nodes ?? []) {
      const made = nodes.keyed.get(node.id);
      const chosen = selected !== "" && (node.id === selected || node.members.includes(selected));
      made.setAttribute("aria-selected", String(chosen));
      made.classList.toggle("oam-linked", !chosen && linked.has(node.id));
      made.classList.toggle("oam-dim", matches !== null && !matches.has(node.id));
    }
  };
  const resize = new ResizeObserver(() => {
    if (!scene || !canvas.clientWidth) return;
    if (untouched) start();
    else show();
  });
  resize.observe(canvas);
  return { canvas, root, draw, mark, fit, zoom, close: () => resize.disconnect() };
}

/** The picture as an SVG document of its own: with the colours that it has now, and all of it. */
function standalone(root, scene) {
  const copy = root.cloneNode(true);
  const from = [root, ...root.querySelectorAll("*")];
  const to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((each, index) => {
    const style = getComputedStyle(each);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-weight", "font-family", "opacity", "display"]) {
      to[index].style.setProperty(name, style.getPropertyValue(name));
    }
  });
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("width", scene.width);
  copy.setAttribute("height", scene.height);
  copy.setAttribute("viewBox", `0 0 ${scene.width} ${scene.height}`);
  copy.style.background = getComputedStyle(root.closest(".oam")).backgroundColor;
  return new XMLSerializer().serializeToString(copy);
}

function asImage(text) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("the picture can't be drawn"));
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  });
}

/** Pictures below one another as one PNG. */
async function asPng(texts) {
  const images = await Promise.all(texts.map(asImage));
  const sheet = document.createElement("canvas");
  sheet.width = 2 * Math.max(...images.map((each) => each.width));
  sheet.height = 2 * images.reduce((sum, each) => sum + each.height, 0);
  const pen = sheet.getContext("2d");
  pen.scale(2, 2);
  let y = 0;
  for (const image of images) {
    pen.drawImage(image, 0, y);
    y += image.height;
  }
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}
