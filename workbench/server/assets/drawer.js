// Where the screen is narrow the drawer covers the page: it starts closed there, unseen until it is.
const narrow = window.matchMedia("(max-width: 599.95px)")
const fit = () => {
  for (const shown of Bokeh.documents) {
    for (const root of shown.roots()) {
      if (root.data?.sidebar_open != null) { root.data.sidebar_open = !narrow.matches }
    }
  }
}
if (narrow.matches) { fit() }
narrow.addEventListener("change", fit)
setTimeout(() => document.documentElement.style.setProperty("--wb-drawer", "1"), 400)
