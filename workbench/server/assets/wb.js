// The theme is remembered in a cookie, so that the server builds the next page in it.
// Until one is chosen, the cookie of this session says what the system prefers: the pages
// of charts are painted on the server and cannot ask.
const root = document.documentElement;
const prefersLight = () => matchMedia("(prefers-color-scheme: light)").matches;
if (!root.dataset.theme) {
  document.cookie = `wb_theme=${prefersLight() ? "light" : "dark"}; path=/; samesite=lax`;
}
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-toggle-theme]")) return;
  const isLight = root.dataset.theme ? root.dataset.theme === "light" : prefersLight();
  const next = isLight ? "dark" : "light";
  root.dataset.theme = next;
  document.cookie = `wb_theme=${next}; path=/; max-age=31536000; samesite=lax`;
});
