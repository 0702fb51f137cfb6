// A run's pictures: unpacked when they are looked at, and painted pixel by pixel, each sheet on a canvas.
const pictures = JSON.parse(find("pictures").textContent);
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcde."; // a letter a level; the last where there is nothing
const NONE = LETTERS.length - 1;
const TOP = NONE - 1; // the level of the last colour
const GREY = ["#000000", "#ffffff"];
const DIVERGING = ["#053061", "#4393c3", "#f7f7f7", "#d6604d", "#67001f"]; // blue below the middle, red above

const unpackedPictures = new Map();
let asked = 0;

// Whoever has asked for other rows by the time that these are unpacked does not see them.
async function showPictures(items) {
  const place = find("structure-pictures");
  const mine = ++asked;
  place.setAttribute("aria-busy", "true");
  const found = await Promise.all(items.map(async item => sheets(item, await picturesOf(item.run))));
  if (mine !== asked) return;
  place.replaceChildren(...found.flat());
  place.setAttribute("aria-busy", "false");
}

function picturesOf(run) {
  if (!pictures[run]) return [];
  if (!unpackedPictures.has(run)) unpackedPictures.set(run, unpack(pictures[run]).then(JSON.parse));
  return unpackedPictures.get(run);
}

// What there is, and in words what there is not.
function sheets(item, found) {
  const notes = item.lacks.map(text => make("li", {}, ...coded(clip(text, 400))));
  if (pictures[item.run] === "") {
    const command = make("code", {}, `python -m bench figures ${item.run}`);
    notes.push(make("li", {}, "This page has no room for its pictures; ", command, " draws them."));
  }
  const title = `${found.length ? "Not all pictures" : "No pictures"} of ${clip(item.label, 60)}`;
  const list = notes.length ? make("ul", {}, ...notes) : null;
  const nothing = !found.length || list;
  const note = make("div", {class: "muted lacking"}, make("p", {}, `${title}${list ? ":" : "."}`), list);
  return [...(nothing ? [note] : []), ...beside(found.map(picture => sheet(item, picture)))];
}

const LEVELS = new Map([...LETTERS].map((letter, level) => [letter, level]));
const levelsOf = text => Uint8Array.from(text, letter => LEVELS.get(letter));

// Those of a unit across classes lie side by side.
function beside(figures) {
  const groups = [];
  for (const figure of figures) {
    const kind = figure.dataset.kind;
    if (kind === "traversal" && groups.at(-1)?.[0].dataset.kind === kind) groups.at(-1).push(figure);
    else groups.push([figure]);
  }
  return groups.map(group => (group[0].dataset.kind === "traversal" ? make("div", {class: "beside"}, ...group) : group[0]));
}

function sheet(item, picture) {
  const {title, caption, rows, columns, below} = picture;
  const lists = [
    [rows, "rows"],
    [columns, columns.some(text => text.length > 5) ? "columns upright" : "columns"],
  ];
  const [left, top] = lists.map(([texts, css]) =>
    make("div", {class: css, "aria-hidden": "true"}, ...texts.map(text => make("span", {}, text))),
  );
  const names = [rows.join("; "), columns.length ? `columns ${columns.join(", ")}` : ""].filter(Boolean);
  const words = [`${title} of ${clip(item.label, 60)}`, names.join("; ")].filter(Boolean).join(": ");
  const head = make("h3", {}, clip(`${title}: ${item.label}`, 90), `, seed ${item.seed}`);
  const labelled = make("div", {class: "labelled"}, top, left, canvasOf(picture, words), below && canvasOf(below, `${below.title}, ${words}`));
  return make("figure", {class: "sheet", "data-kind": title.split(" ")[0]}, head, labelled, make("figcaption", {}, caption));
}

const canvasOf = (picture, words) => painted({...picture, steps: levelsOf(picture.levels)}, words);

// One pixel a number, and a gap between tiles; the style enlarges it. Vectors are lines, which have no shape to keep.
function painted({shape, steps, signed, lines}, words) {
  const [nRows, nColumns, height, width, channels = 1] = shape;
  const gap = lines ? 1 : Math.max(1, Math.round(width / 14));
  const size = {width: nColumns * (width + gap) - gap, height: nRows * (height + gap) - gap};
  const diverges = signed && channels === 1;
  const canvas = make("canvas", {...size, class: diverges ? "diverging" : null, role: "img", "aria-label": words});
  if (lines) canvas.style.height = `${Math.min(26, Math.max(4, size.height / 2))}rem`;
  const image = new ImageData(size.width, size.height); // transparent, which gaps remain
  const pixels = new Uint32Array(image.data.buffer);
  const colours = palette(diverges ? DIVERGING : GREY);
  for (let i = 0; i < steps.length / channels; i++) {
    const tile = Math.floor(i / (width * height));
    const y = Math.floor(tile / nColumns) * (height + gap) + (Math.floor(i / width) % height);
    const x = (tile % nColumns) * (width + gap) + (i % width);
    pixels[y * size.width + x] = colours[steps[i * channels]];
    for (let c = 1; c < channels; c++) image.data[4 * (y * size.width + x) + c] = colours[steps[i * channels + c]] & 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Level -> colour, spread evenly over the stops; what is no level is transparent.
function palette(stops) {
  const bytes = new Uint8Array(4 * LETTERS.length);
  const channels = stops.map(stop => [1, 3, 5].map(at => parseInt(stop.slice(at, at + 2), 16)));
  for (let level = 0; level <= TOP; level++) {
    const at = (level / TOP) * (stops.length - 1);
    const [low, high] = [channels[Math.floor(at)], channels[Math.ceil(at)]];
    const mixed = low.map((value, c) => Math.round(value + (at % 1) * (high[c] - value)));
    bytes.set([...mixed, 255], 4 * level);
  }
  return new Uint32Array(bytes.buffer);
}
