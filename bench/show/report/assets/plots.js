// What all figures share: colours, symbols, fonts, and drawing again in the other theme.
// Okabe and Ito's colours, the pale ones darkened on white; 8 colours and 7 symbols make 56 pairs.
const COLOURS = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b87a00", "#3a96d1", "#000000", "#6f6300"],
  dark: ["#4aa8e8", "#f0803a", "#2fc79a", "#e39ac4", "#f0b030", "#8fd0f7", "#ffffff", "#f0e442"],
};
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star"];
const GLYPHS = ["●", "■", "◆", "▲", "✚", "✖", "★"];
const drawn = new Map();
let printing = false;

function isDark() {
  if (printing) return false;
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function look(model) {
  const i = data.models.indexOf(model);
  const colours = COLOURS[isDark() ? "dark" : "light"];
  return {
    color: colours[i % colours.length],
    symbol: SYMBOLS[i % SYMBOLS.length],
    glyph: GLYPHS[i % GLYPHS.length],
  };
}

const colour = i => COLOURS[isDark() ? "dark" : "light"][i % 8];
const ink = () =>
  isDark()
    ? {text: "#e8eaee", muted: "#a5adba", line: "#323842", page: "#14171c"}
    : {text: "#1a1d23", muted: "#565d69", line: "#dfe3e8", page: "#ffffff"};

// plotly reads some HTML in its labels.
const plain = (text, length = 60) =>
  clip(String(text), length).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const axis = (title, extra = {}) => ({
  title: {text: plain(title), font: {size: 13}, standoff: 8},
  gridcolor: ink().line,
  linecolor: ink().muted,
  zeroline: false,
  showline: true,
  ticks: "outside",
  tickcolor: ink().muted,
  ticklen: 4,
  automargin: true,
  ...extra,
});

// Where a logarithmic axis has its ticks: 1, 2 and 5 times the powers of ten.
const ROUND = Array.from({length: 19}, (_, i) => [1, 2, 5].map(digit => digit * 10 ** (i - 9))).flat();
const logAxis = () => ({type: "log", tickmode: "array", tickvals: ROUND, ticktext: ROUND.map(short)});

// `build` gives traces and layout; it is called again when the theme changes.
function draw(node, label, build) {
  drawn.set(node, build);
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", label);
  const {traces, layout} = build();
  Plotly.react(
    node,
    traces,
    {
      font: {family: getComputedStyle(document.body).fontFamily, size: 12.5, color: ink().text},
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: {l: 56, r: 14, t: 14, b: 48},
      showlegend: false,
      hovermode: "closest",
      hoverlabel: {bgcolor: ink().page, bordercolor: ink().muted, font: {color: ink().text}, align: "left"},
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      ...layout,
    },
    {displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset"},
  );
}

function drop(nodes) {
  for (const node of nodes) {
    drawn.delete(node);
    Plotly.purge(node);
  }
}

function redraw() {
  for (const [node, build] of drawn) draw(node, node.getAttribute("aria-label"), build);
  for (const node of document.querySelectorAll("[data-model]"))
    node.style.color = look(node.dataset.model).color;
  for (const node of document.querySelectorAll("[data-colour]"))
    node.style.color = colour(Number(node.dataset.colour));
}

// A legend as text, which wraps and is read aloud.
function legend(entries) {
  const list = make("ul", {class: "legend plain"});
  for (const {glyph, text, model, index} of entries) {
    const mark = make("span", {"aria-hidden": "true", "data-model": model, "data-colour": index}, glyph);
    if (model != null || index != null) mark.style.color = model != null ? look(model).color : colour(index);
    list.append(make("li", {}, mark, ` ${clip(text, 60)}`));
  }
  return list;
}
