// Links to Airflow's own pages. Airflow shows the dashboard in a frame that may not lead away from it, so that the page around
// it follows the link instead.
(() => {
  "use strict";
  if (window.top === window) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const outer = window.top.document.createElement("a");
    outer.href = link.href;
    window.top.document.body.append(outer);
    outer.click();
    outer.remove();
  });
})();
