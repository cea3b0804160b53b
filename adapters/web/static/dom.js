// Building elements. Text only ever becomes text nodes; nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  menu: ["M4 7h16M4 12h16M4 17h16"],
  close: ["M6 6l12 12M18 6 6 18"],
  send: ["M5 12h13M12 5l7 7-7 7"],
  clip: ["M20 11.500l-8.300 8.300a5.200 5.200 0 0 1-7.400-7.400l8.600-8.600a3.500 3.500 0 0 1 5 5l-8.600 8.500a1.700 1.700 0 0 1-2.400-2.400l7.800-7.800"],
  at: ["M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0v1.500a2.500 2.500 0 0 0 5 0V12a9 9 0 1 0-3.600 7.200"],
  thread: ["M20 11.500a7.500 7.500 0 0 1-7.500 7.500c-1.300 0-2.600-.3-3.700-.9L4 19.500l1.400-4.600a7.500 7.500 0 1 1 14.600-3.400z"],
  file: ["M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8z", "M14 3v5h5"],
  lock: ["M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3"],
  down: ["M6 9l6 6 6-6"],
  right: ["M9 6l6 6-6 6"],
  out: ["M10 4H5v16h5M14 8l4 4-4 4M18 12H9"],
  check: ["M5 12.500l4.500 4.500L19 7.500"],
  cross: ["M7 7l10 10M17 7 7 17"],
  dash: ["M7 12h10"],
  ask: ["M9 9.200a3 3 0 1 1 4.300 2.700c-.9.500-1.300 1-1.300 2.100", "M12 17.500v.1"],
  alert: ["M12 4 2.800 20h18.400z", "M12 10v4.500M12 17.200v.1"],
  info: ["M12 3a9 9 0 1 0 .01 0z", "M12 11v5.500M12 7.400v.1"],
  dot: ["M12 12v.1"],
};

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "testid") node.dataset.testid = value;
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  for (const shape of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}

const signatures = new WeakMap();

// Makes `parent`'s children match `items`: a child whose data has not changed stays the very same
// element, so that focus, scroll and folding survive an edit.
export function patch(parent, items, build, keyOf = null) {
  const before = new Map();
  [...parent.children].forEach((child, index) => {
    const known = signatures.get(child);
    if (known) before.set(known.key ?? index, child);
  });
  let cursor = parent.firstElementChild;
  items.forEach((item, index) => {
    const key = keyOf ? keyOf(item) : index;
    const signature = JSON.stringify(item);
    let node = before.get(key);
    if (!node || signatures.get(node).signature !== signature) {
      const fresh = build(item, index, node);
      signatures.set(fresh, { key, signature });
      if (node && node !== fresh) {
        if (cursor === node) cursor = node.nextElementSibling;
        node.remove();
      }
      node = fresh;
    }
    before.delete(key);
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
  });
  for (const child of before.values()) child.remove();
}

// Forget what an element was built from, so that the next patch builds it again.
export function outdate(node) {
  const known = signatures.get(node);
  if (known) known.signature = null;
}

export function announce(text) {
  document.getElementById("live").textContent = text;
}
