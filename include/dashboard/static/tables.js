// Wide tables on a narrow screen: each row becomes a card, so each cell needs the heading of its column beside it. Without this
// script such a table keeps its columns and scrolls.
(() => {
  "use strict";
  for (const table of document.querySelectorAll("table.cards")) {
    const headings = [...table.querySelectorAll("thead th")].map((one) => one.dataset.label ?? one.textContent.trim());
    for (const row of table.querySelectorAll("tbody tr")) {
      let column = 0;
      for (const cell of row.cells) {
        if (cell.tagName === "TD") cell.dataset.label = headings[column] ?? "";
        column += cell.colSpan;
      }
    }
    table.classList.add("labelled");
  }
})();
