// what the page around a notebook's output says of itself; elsewhere the light paint is kept
const told = () => document.body.dataset.jpThemeLight ?? document.body.dataset.vscodeThemeKind ?? ""
const is_dark = () => told() === "false" || told().includes("dark")

function is_ready() {
  const bokeh = window.Bokeh
  return bokeh !== undefined && bokeh.version === version && bokeh.Models.get("Div") != null
}

async function load() {
  if (library === null || is_ready() || window.wb_loading === version) return
  window.wb_loading = version
  const packed = Uint8Array.from(atob(library), (letter) => letter.charCodeAt(0))
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))
  const script = document.createElement("script")
  script.textContent = await new Response(stream).text()
  document.head.appendChild(script)
}

// the light paint is written over with the dark, role by role; a ground is not told where it is
// the library's default
const grounds = {
  Figure: ["background_fill_color", "border_fill_color"],
  ColorBar: ["background_fill_color"],
  Legend: ["background_fill_color"],
}
function painted() {
  if (dark === null || !is_dark()) return item
  const light = new RegExp(Object.keys(dark).join("|"), "gi")
  const text = JSON.stringify(item).replace(light, (colour) => dark[colour.toLowerCase()])
  return JSON.parse(text, (_, value) => {
    if (value?.type !== "object" || !(value.name in grounds)) return value
    const ground = Object.fromEntries(grounds[value.name].map((name) => [name, dark[surface]]))
    return {...value, attributes: {...ground, ...value.attributes}}
  })
}

let views = null
let shown = null
async function draw(box) {
  shown = is_dark()
  views?.clear()
  box.replaceChildren()
  views = await window.Bokeh.embed.embed_item(painted(), box)
}

// an output is made before it is put into the page, and the library arrives when it may
function wait(tries) {
  const box = document.getElementById(place)
  if (box === null || !is_ready()) {
    if (tries > 0) setTimeout(wait, 50, tries - 1)
    else if (box !== null) box.textContent = "Run the cell again to see its figure."
    return
  }
  draw(box)
  const follow = () => {
    if (box.isConnected && is_dark() !== shown) draw(box)
  }
  const attributeFilter = ["data-jp-theme-light", "data-vscode-theme-kind"]
  if (dark !== null) new MutationObserver(follow).observe(document.body, {attributeFilter})
}

load()
wait(400)
