(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  try { root.dataset.theme = localStorage.getItem("oamkit-theme") || ""; } catch { /* storage is off: the system's theme it is */ }
  if (!root.dataset.theme) delete root.dataset.theme;
  const tell = () => button.setAttribute("aria-pressed", String(dark()));
  button.hidden = false;
  tell();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("oamkit-theme", root.dataset.theme); } catch { /* for this page only, then */ }
    tell();
  });
})();
