// While a job runs its page is fetched anew every second and merged into the one that is open.
// What a person has opened or closed stays as they left it, also over a reload.
(() => {
  const store = `folds:${location.pathname}`;
  const folds = new Map(JSON.parse(sessionStorage.getItem(store) ?? "[]"));

  document.addEventListener("click", (event) => {
    const details = event.target.closest("summary")?.parentElement;
    if (!details?.id) return;
    folds.set(details.id, !details.open);
    sessionStorage.setItem(store, JSON.stringify([...folds]));
  });

  for (const [id, open] of folds) {
    const details = document.getElementById(id);
    if (details) details.open = open;
  }

  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && folds.has(node.id));
})();
