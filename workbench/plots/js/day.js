// Writes the date under the pointer on the time axis.
const here = cross.location
if (here == null || here !== here) { panel.visible = false; return }
const {x, time} = view.data
if (x.length == 0) { return }
let lo = 0, hi = x.length - 1
while (hi - lo > 1) { const mid = (lo + hi) >> 1; if (x[mid] <= here) { lo = mid } else { hi = mid } }
const i = Math.abs(x[hi] - here) < Math.abs(x[lo] - here) ? hi : lo
const d = new Date(time[i])
const intraday = readout.tags[0].intraday
const date = d.toLocaleDateString("en-GB", {timeZone: "UTC", weekday: "short", day: "numeric", month: "short", year: "numeric"})
const clock = intraday ? " " + d.toISOString().slice(11, 16) : ""
at.x = here
at.y = y_range.start
label.text = `<span class="tag pointer">${date}${clock}</span>`
panel.visible = true
