(function () {
  "use strict";
  const config = {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  };
  const plots = Array.from(document.querySelectorAll(".plot"));
  plots.forEach(function (node) {
    const spec = JSON.parse(document.getElementById(node.dataset.spec).textContent);
    Plotly.newPlot(node, spec.data, spec.layout, config);
  });

  // Figures keep the width of the screen on paper unless told otherwise: 680 px is A4 less its margins.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (node) { node.open = true; });
    plots.forEach(function (node) { Plotly.relayout(node, { width: 680, autosize: false }); });
  });
  window.addEventListener("afterprint", function () {
    plots.forEach(function (node) { Plotly.relayout(node, { width: null, autosize: true }); });
  });

  const links = new Map();
  document.querySelectorAll("nav a").forEach(function (link) {
    links.set(link.getAttribute("href").slice(1), link);
  });
  const watcher = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      if (!entry.isIntersecting) { return; }
      links.forEach(function (link) { link.removeAttribute("aria-current"); });
      links.get(entry.target.id).setAttribute("aria-current", "true");
    });
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("main > section").forEach(function (node) { watcher.observe(node); });
})();
