// Says what a mark of a chart stands for: under the pointer, or by the arrow keys when a chart has the focus.
"use strict";
(() => {
  const tip = document.getElementById("tip");
  const MARKS = "path[aria-label], text[aria-label]";
  let marked = null;

  const hide = () => {
    tip.hidden = true;
    if (marked) marked.classList.remove("at");
    marked = null;
  };

  const show = (mark, x, y) => {
    if (mark !== marked) hide();
    marked = mark;
    mark.classList.add("at");
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - box.width - 4))}px`;
    tip.style.top = `${y - box.height - 12 < 4 ? y + 16 : y - box.height - 12}px`;
  };

  const marks = (chart) =>
    [...chart.querySelectorAll(MARKS)].filter((mark) => mark.getClientRects().length > 0 && !mark.closest(".role-axis, .role-legend, .role-header"));

  for (const chart of document.querySelectorAll(".chart")) {
    let place = -1;
    chart.addEventListener("pointermove", (event) => {
      const mark = event.target.closest(MARKS);
      if (mark && marks(chart).includes(mark)) show(mark, event.clientX, event.clientY);
      else hide();
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", () => {
      place = -1;
      hide();
    });
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      event.preventDefault();
      const all = marks(chart);
      if (!all.length) return;
      place = place < 0 ? (step > 0 ? 0 : all.length - 1) : (place + step + all.length) % all.length;
      const box = all[place].getBoundingClientRect();
      show(all[place], box.left + box.width / 2, box.top);
    });
  }
  addEventListener("scroll", hide, { passive: true });
})();
