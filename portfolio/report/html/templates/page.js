// Says what a mark of a chart stands for: under the pointer, or by the arrow keys when a chart has the focus.
// Sorts tables by a column, and shows the rows that hold a text.
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

  const SORTED = 4; // rows from which a table can be sorted
  const FILTERED = 12; // rows from which it can be searched

  const worth = (row, column) => {
    const cell = row.cells[column];
    const exact = cell.querySelector("data");
    return exact ? Number(exact.value) : cell.textContent.trim();
  };

  // Numbers by size, before words; what is empty comes last either way.
  const order = (a, b, down) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const kind = (typeof a === "string") - (typeof b === "string");
    const by = kind || (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));
    return down ? -by : by;
  };

  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [worth(row, column), row]);
        body.append(...rows.sort((a, b) => order(a[0], b[0], down)).map((pair) => pair[1]));
      });
    });
  };

  const searchable = (table) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const found = document.createElement("span");
    input.type = "search";
    found.setAttribute("role", "status");
    label.className = "find";
    label.append("Rows with ", input, found);
    table.closest(".scroll").before(label);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      const rows = [...table.tBodies[0].rows];
      rows.forEach((row) => (row.hidden = !row.textContent.toLowerCase().includes(wanted)));
      found.textContent = wanted ? ` ${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
    });
  };

  for (const table of document.querySelectorAll("table")) {
    const rows = table.tBodies[0] ? table.tBodies[0].rows.length : 0;
    if (rows >= SORTED) sortable(table);
    if (rows >= FILTERED) searchable(table);
  }
})();
