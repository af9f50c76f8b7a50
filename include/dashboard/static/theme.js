// Light or dark as Airflow is: its choice is kept in the storage this page shares with it. Without one, as the system is.
(() => {
  "use strict";
  const follow = () => {
    let chosen = null;
    try {
      chosen = window.localStorage.getItem("theme");
    } catch {
      // storage is closed to this page: the system decides
    }
    const theme = chosen === "light" || chosen === "dark" ? chosen : "";
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    document.dispatchEvent(new Event("theme"));
  };
  follow();
  window.addEventListener("storage", follow);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("theme")));
})();
