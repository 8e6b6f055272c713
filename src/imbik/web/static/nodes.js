// Nodes of the server (imbik.web.text) become elements. Text becomes text nodes, whatever is in it; of elements and
// attributes only those below are made, so no node can be a script, a link, a picture, a style or a handler.
const MATHML = "http://www.w3.org/1998/Math/MathML";
const MATH = new Set(
  ("math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mpadded").split(" "),
);
const HTML = new Set(["span", "mark", "code"]);
const ATTRIBUTES = new Set(
  "class title data-mark display width stretchy fence accent accentunder linethickness movablelimits largeop lspace rspace".split(" "),
);

export function build(node) {
  if (typeof node === "string") return document.createTextNode(node);
  const [tag, attributes, ...inside] = node;
  const element = MATH.has(tag) ? document.createElementNS(MATHML, tag) : document.createElement(HTML.has(tag) ? tag : "span");
  for (const [name, value] of Object.entries(attributes)) {
    if (ATTRIBUTES.has(name)) element.setAttribute(name, value);
  }
  element.append(...inside.map(build));
  return element;
}

export function fill(element, nodes) {
  element.replaceChildren(...nodes.map(build));
}

// element("button", {class: "small"}, "text"): for pages' own parts. Handlers are added with addEventListener.
export function element(tag, attributes = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}
