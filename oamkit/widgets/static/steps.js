// The step checker: a lesson's exercises, one below the other.

const LOOKS = { correct: ["ok", "✓"], incorrect: ["failed", "×"], "not attempted": ["missing", "○"], "cannot be checked": ["warning", "!"] };

function render({ model, el }) {
  const words = model.get("words");
  const { body, say, set, watch, close, ends } = frame(model, el, `${words.steps} ${model.get("lesson")}`, false);
  const ask = (verb, number = "") => set({ asked: { verb, number, at: Date.now() } });
  const list = element("ol", { class: "oam-steps" });
  const done = element("strong", {});
  const time = element("span", { "aria-hidden": "true" });
  const reset = button(words.reset, () => {
    if (reset.armed) ask("reset");
    reset.armed = !reset.armed;
    reset.textContent = reset.armed ? words.reallyReset : words.reset;
  });
  reset.addEventListener("blur", () => {
    reset.armed = false;
    reset.textContent = words.reset;
  });
  const none = element("p", {}, words.noSteps);
  body.append(element("div", { class: "oam-tools" }, done, time, reset), list, none);

  const make = (step) => {
    const made = element("li", {});
    const parts = {
      state: element("span", { class: "oam-state-word" }),
      title: element("span", { class: "oam-title" }),
      check: button(words.check, () => ask("check", step.number)),
      hint: button(words.hint, () => ask("hint", step.number)),
      solution: button(words.solution, () => ask("solution", step.number)),
      prepare: button(words.prepare, () => ask("prepare", step.number), { title: words.prepareHint }),
      message: element("p", {}),
      hints: element("ul", {}),
      code: element("div", {}),
    };
    for (const name of ["check", "hint", "solution", "prepare"]) {
      parts[name].setAttribute("aria-label", `${parts[name].textContent}: ${step.number} ${step.title}`);
    }
    made.parts = parts;
    made.append(
      element("div", { class: "oam-head" }, parts.title, parts.state),
      element("div", { class: "oam-tools" }, parts.check, parts.hint, parts.solution, parts.prepare),
      parts.message,
      parts.hints,
      parts.code,
    );
    return made;
  };
  const update = (made, step, isNew) => {
    const { state, title, message, hints, code, prepare } = made.parts;
    const [look, icon] = LOOKS[step.outcome] ?? LOOKS["not attempted"];
    const working = model.get("busy") === step.number;
    made.className = `oam-is-${working ? "working" : look}`;
    const word = working ? `… ${words.working}` : `${icon} ${words.outcomes[step.outcome] ?? step.outcome}`;
    if (!isNew && state.textContent !== word) say(`${step.number}: ${word}. ${working ? "" : step.message}`);
    state.textContent = word;
    title.textContent = `${step.number} ${step.title}${step.bonus ? ` (${words.bonus})` : ""}`;
    shown(prepare, step.preparable);
    message.textContent = step.message;
    shown(message, Boolean(step.message));
    hints.replaceChildren(...step.hints.map((each) => element("li", {}, each)));
    shown(hints, step.hints.length > 0);
    if (made.solution !== step.solution) {
      made.solution = step.solution;
      code.replaceChildren(
        ...(step.solution
          ? [
              element("pre", { class: "oam-yaml", tabindex: "0", role: "region", "aria-label": `${words.solution} ${step.number}` }, step.solution),
              button(words.copyText, async () => say((await copyText(step.solution)) ? words.copied : words.notCopied)),
            ]
          : []),
      );
    }
    for (const name of ["check", "hint", "solution", "prepare"]) made.parts[name].disabled = Boolean(model.get("busy"));
  };
  watch(["steps", "busy"], () => {
    const steps = model.get("steps");
    keyed(list, steps, (step) => step.number, make, update);
    const correct = steps.filter((step) => step.outcome === "correct").length;
    done.textContent = `${correct}/${steps.length} ${words.solved}`;
    shown(none, !steps.length);
    reset.disabled = Boolean(model.get("busy"));
  });
  const tick = () => {
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - model.get("began")));
    const two = (value) => String(value).padStart(2, "0");
    time.textContent = `${words.openFor} ${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  };
  tick();
  const clock = setInterval(tick, 1000);
  ends.push(() => clearInterval(clock));
  return close;
}

export default { render };
