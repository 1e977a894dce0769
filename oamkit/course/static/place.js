(() => {
  // A cell has the same id in every language: the other page opens at the cell that is being read here, and a search is made there, too.
  const go = ({ currentTarget: link }) => {
    const read = [...document.querySelectorAll("main .cell")].filter((cell) => cell.getBoundingClientRect().top < innerHeight / 3);
    link.search = location.search;
    link.hash = scrollY && read.length ? read.at(-1).id : "";
  };
  for (const link of document.querySelectorAll("header a[hreflang]")) {
    for (const event of ["click", "auxclick"]) link.addEventListener(event, go);
  }
})();
