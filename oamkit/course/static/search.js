(() => {
  const entries = JSON.parse(document.getElementById("entries").textContent);
  const wanted = (new URLSearchParams(location.search).get("q") || "").trim();
  const list = document.getElementById("found"), count = document.getElementById("count");
  document.querySelector("input[name=q]").value = wanted;
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return;
  const rank = (each) => {
    const heading = `${each.title} ${each.heading}`.toLowerCase(), text = each.text.toLowerCase();
    if (!words.every((word) => heading.includes(word) || text.includes(word))) return 0;
    return words.reduce((sum, word) => sum + (heading.includes(word) ? 10 : 1), 0);
  };
  const found = entries.map((each) => [rank(each), each]).filter(([value]) => value).sort((a, b) => b[0] - a[0]);
  count.textContent = found.length ? list.dataset.found.replace("{count}", found.length) : list.dataset.nothing;
  for (const [, each] of found) {
    const item = document.createElement("li"), link = document.createElement("a"), text = document.createElement("p");
    link.href = each.url;
    link.textContent = each.heading && each.heading !== each.title ? `${each.title} · ${each.heading}` : each.title;
    const at = Math.max(0, each.text.toLowerCase().indexOf(words[0]) - 60);
    text.textContent = (at ? "…" : "") + each.text.slice(at, at + 200) + (each.text.length > at + 200 ? "…" : "");
    item.append(link, text);
    list.append(item);
  }
})();
