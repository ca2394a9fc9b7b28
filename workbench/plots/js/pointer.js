// Writes the value under the pointer on the scale.
const here = level.location
if (here == null || here !== here) { panel.visible = false; return }
at.x = x_range.end
at.y = here
const text = axis.formatter.doFormat([here], {loc: 0})[0]
label.text = `<span class="tag pointer">${text}</span>`
panel.visible = true
