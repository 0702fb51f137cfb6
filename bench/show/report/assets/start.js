// Theme, explanations on hover and focus, print; then everything is drawn once.
function startTheme() {
  const button = find("theme");
  const show = () => button.replaceChildren(isDark() ? "Light theme" : "Dark theme");
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    show();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    show();
    redraw();
  });
  addEventListener("beforeprint", () => {
    printing = true;
    redraw();
  });
  addEventListener("afterprint", () => {
    printing = false;
    redraw();
  });
  show();
}

// An arXiv number in an explanation leads to the paper.
const PAPER = /(\b\d{4}\.\d{4,5}\b)/;
const linked = text =>
  PAPER.test(text) ? make("a", {href: `https://arxiv.org/abs/${text}`, rel: "noreferrer"}, text) : text;

const explained = text => coded(text).flatMap(part => (part.split ? part.split(PAPER).map(linked) : part));

function startWords() {
  for (const node of document.querySelectorAll("#words dd")) node.replaceChildren(...explained(node.textContent));
}

function startTips() {
  const tip = find("tip");
  let owner = null;
  const hide = () => {
    owner?.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  };
  const show = node => {
    hide();
    owner = node;
    tip.replaceChildren(...explained(node.dataset.tip));
    tip.hidden = false;
    node.setAttribute("aria-describedby", "tip");
    place();
  };
  const place = () => {
    const box = owner.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = box.bottom + tip.offsetHeight < innerHeight; // no gap: its links can be reached
    Object.assign(tip.style, {
      left: `${Math.max(8, left)}px`,
      top: `${below ? box.bottom : Math.max(8, box.top - tip.offsetHeight)}px`,
    });
  };
  const target = event => event.target.closest?.("[data-tip]");
  document.addEventListener("mouseover", event =>
    target(event)
      ? show(target(event))
      : event.target.closest?.("#tip") || (owner && owner !== document.activeElement && hide()),
  );
  document.addEventListener("focusin", event => (target(event) ? show(target(event)) : hide()));
  document.addEventListener("keydown", event => event.key === "Escape" && hide());
  document.addEventListener("scroll", () => owner && (owner === document.activeElement ? place() : hide()), {
    capture: true,
    passive: true,
  });
}

// The link of the section that is read: the last whose head is in the upper half of the window, or the last of all.
function startNav() {
  const links = [...document.querySelectorAll("nav a")];
  const mark = () => {
    const there = links.filter(link => find(link.hash.slice(1)).checkVisibility());
    const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    const passed = there.filter(link => atEnd || find(link.hash.slice(1)).getBoundingClientRect().top < innerHeight / 2);
    for (const link of links) link.removeAttribute("aria-current");
    (passed.at(-1) ?? links[0]).setAttribute("aria-current", "true");
  };
  addEventListener("scroll", mark, {passive: true});
  mark();
}

startTheme();
startTips();
startWords();
if (boards.length) for (const start of [startAnswer, startPareto, startBoard, startPairs, startStructure, startUnits]) await start();
followAddress();
startNav();
document.documentElement.dataset.ready = "";
