// The catalogue's sentences. No wording lives in the page's code.

let sentences = {};
let current = "ko";

export async function loadTexts(language) {
  const query = language ? `?lang=${encodeURIComponent(language)}` : "";
  const answer = await (await fetch(`/api/texts${query}`)).json();
  sentences = answer.texts;
  current = answer.language;
  document.documentElement.lang = current;
}

export function language() {
  return current;
}

export function t(key, values = {}) {
  const sentence = sentences[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
