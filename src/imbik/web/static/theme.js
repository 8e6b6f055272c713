// Before anything is drawn: the appearance that the reader chose, else the device's.
(() => {
  try {
    const chosen = localStorage.getItem("imbik-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // without storage the device decides
  }
})();
