// Draws the figures of a page with the colours of the style sheet, and again when the theme changes.
(() => {
  "use strict";
  const options = { displayModeBar: false, responsive: true, plotlyServerURL: "" };
  const probe = document.createElement("span");

  const colour = (name) => {
    probe.style.color = `var(--chart-${name})`;
    return getComputedStyle(probe).color;
  };

  const themed = (value) => {
    if (typeof value === "string") return value.startsWith("colour:") ? colour(value.slice("colour:".length)) : value;
    if (Array.isArray(value)) return value.map(themed);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, themed(one)]));
    return value;
  };

  const draw = () => {
    document.body.append(probe);
    for (const plot of document.querySelectorAll(".plot")) {
      const figure = themed(JSON.parse(plot.parentElement.querySelector("script.figure").textContent));
      const { layout } = figure;
      layout.hoverlabel = { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: colour("text") } };
      plot.style.height = `${layout.height}px`;
      window.Plotly.react(plot, figure.data, layout, options);
    }
    probe.remove();
  };

  draw();
  document.addEventListener("theme", draw);
})();
