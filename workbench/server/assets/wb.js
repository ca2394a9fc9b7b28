// The theme is remembered in a cookie, so that the server builds the next page in it.
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-toggle-theme]")) return;
  const root = document.documentElement;
  const next = root.dataset.theme === "light" ? "dark" : "light";
  root.dataset.theme = next;
  document.cookie = `wb_theme=${next}; path=/; max-age=31536000; samesite=lax`;
});
