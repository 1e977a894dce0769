// The course's start page as a tab of JupyterLab, and its card in the launcher.
//
// JupyterLab loads extensions as module-federation containers: an object with init() and get(). This one is written by hand, since a
// page that a server renders needs no build. What it uses of JupyterLab it takes from the modules that JupyterLab shares.
(() => {
  const NAME = "oamkit-start";
  const COMMAND = "oamkit:start";
  const EVERY = 10000; // milliseconds between two looks at the cluster while the page is seen
  let shared = {};

  async function take(name) {
    const versions = Object.values(shared[name] || {});
    if (!versions.length) throw new Error(`JupyterLab shares no ${name}`);
    return (await versions[0].get())();
  }

  function config() {
    const element = document.getElementById("jupyter-config-data");
    return JSON.parse((element && element.textContent) || "{}");
  }

  async function load(node, path) {
    const { baseUrl = "/", token = "" } = config();
    const headers = token ? { Authorization: `token ${token}` } : {};
    try {
      const answer = await fetch(baseUrl + "oamkit/start", { headers, credentials: "same-origin" });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const text = await answer.text();
      if (text !== node.dataset.text) {
        const focused = document.activeElement && node.contains(document.activeElement) ? document.activeElement.dataset.path : "";
        node.dataset.text = text;
        node.innerHTML = text; // the kit's own server made it, and escaped what isn't its own
        if (focused) node.querySelector(`[data-path="${CSS.escape(focused)}"]`)?.focus();
      }
    } catch (error) {
      const note = node.querySelector("[role=status]") || node;
      note.textContent = `${error}`;
    }
  }

  async function extension() {
    const [{ Widget }, { MainAreaWidget }, { ILauncher }] = await Promise.all(
      ["@lumino/widgets", "@jupyterlab/apputils", "@jupyterlab/launcher"].map(take),
    );
    const plugin = {
      id: `${NAME}:plugin`,
      autoStart: true,
      optional: [ILauncher],
      activate: (app, launcher) => {
        let tab = null;
        const open = () => {
          if (!tab || tab.isDisposed) {
            const content = new Widget();
            content.addClass("oamkit-start");
            content.node.tabIndex = 0;
            content.node.style.overflow = "auto";
            content.node.addEventListener("click", (event) => {
              const link = event.target.closest("a[data-path]");
              if (!link) return;
              event.preventDefault();
              app.commands.execute("docmanager:open", { path: link.dataset.path });
            });
            tab = new MainAreaWidget({ content });
            tab.id = NAME;
            tab.title.label = config().oamkitTitle || "OAM";
            tab.title.closable = true;
            load(content.node);
            const timer = setInterval(() => {
              if (tab.isVisible && !document.hidden) load(content.node);
            }, EVERY);
            tab.disposed.connect(() => clearInterval(timer));
          }
          if (!tab.isAttached) app.shell.add(tab, "main");
          app.shell.activateById(tab.id);
        };
        app.commands.addCommand(COMMAND, { label: config().oamkitTitle || "OAM", execute: open });
        if (launcher) launcher.add({ command: COMMAND, category: "Notebook", rank: -1 });
        // Whoever opened a certain notebook wants that one.
        app.restored.then(() => {
          if (!config().treePath) open();
        });
      },
    };
    return () => ({ __esModule: true, default: plugin });
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = {
    init: (scope) => {
      shared = scope;
    },
    get: () => extension(),
  };
})();
