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
    tip.textContent = node.dataset.tip;
    tip.hidden = false;
    node.setAttribute("aria-describedby", "tip");
    place();
  };
  const place = () => {
    const box = owner.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = box.bottom + 6 + tip.offsetHeight < innerHeight;
    Object.assign(tip.style, {
      left: `${Math.max(8, left)}px`,
      top: `${below ? box.bottom + 6 : Math.max(8, box.top - tip.offsetHeight - 6)}px`,
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
if (boards.length) for (const start of [startBoard, startPareto, startPairs, startStructure]) await start();
document.documentElement.dataset.ready = "";
