// Keeps a value's tag at the right edge, and hides it where its value is out of sight.
at.x = x_range.end
const low = Math.min(y_range.start, y_range.end), high = Math.max(y_range.start, y_range.end)
panel.visible = at.y >= low && at.y <= high
