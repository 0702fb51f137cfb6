// Theme, explanations on hover and focus, print; then everything is drawn once.
function startTheme() {
  const button = find("theme");
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
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
    tip.replaceChildren(...node.dataset.tip.split(PAPER).map(linked));
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

startTheme();
startTips();
if (boards.length) for (const start of [startAnswer, startPareto, startBoard, startPairs, startStructure, startUnits]) await start();
followAddress();
document.documentElement.dataset.ready = "";
