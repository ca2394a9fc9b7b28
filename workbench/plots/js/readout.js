// The line above the chart: the bar under the pointer, or the last one.
const spec = readout.tags[0]
const {time, open, high, low, close, volume, x, first, last} = view.data
const n = x.length
if (n == 0) { return }
const here = cross.location
let i = n - 1
if (here != null && here === here) {
  let lo = 0, hi = n - 1
  while (hi - lo > 1) { const mid = (lo + hi) >> 1; if (x[mid] <= here) { lo = mid } else { hi = mid } }
  i = Math.abs(x[hi] - here) < Math.abs(x[lo] - here) ? hi : lo
  // the line snaps to its bar, as the numbers do
  if (here !== x[i]) { cross.location = x[i] }
}
const two = (v) => String(v).padStart(2, "0")
const day = (ms) => { const d = new Date(ms)
  const date = `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`
  return spec.intraday ? `${date} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` : date }
const fixed = (v, digits) => v.toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits})
const short = (v) => { const a = Math.abs(v)
  return a >= 1e9 ? (v / 1e9).toFixed(2) + "b" : a >= 1e6 ? (v / 1e6).toFixed(2) + "m" : a >= 1e3 ? (v / 1e3).toFixed(1) + "k" : fixed(v, 0) }
const say = (v, unit) => unit == "%" ? (v * 100).toFixed(1) + "%" : unit == "$" ? spec.currency + fixed(v, 0)
  : unit == "price" ? fixed(v, spec.digits) : unit == "m" ? short(v) : fixed(v, 2)
const item = (label, text, css) => `<span style="white-space:nowrap"><span class="muted">${label}</span> <b class="${css}">${text}</b></span>`
const parts = [`<b>${spec.symbol}</b>`, `<span class="muted">${day(time[i])}${last[i] > first[i] ? ` +${last[i] - first[i] + 1} bars` : ""}${spec.zone}</span>`]
if (close[i] === close[i]) {
  const from = i > 0 && close[i - 1] === close[i - 1] ? close[i - 1] : open[i]
  const change = close[i] / from - 1
  const css = change >= 0 ? "up" : "down"
  for (const [label, v] of [["O", open[i]], ["H", high[i]], ["L", low[i]], ["C", close[i]]]) { parts.push(item(label, fixed(v, spec.digits), css)) }
  parts.push(`<b class="${css}">${change >= 0 ? "+" : "−"}${Math.abs(change * 100).toFixed(2)}%</b>`)
  parts.push(item("V", short(volume[i]), ""))
} else { parts.push(`<span class="muted">no bar</span>`) }
for (const line of spec.lines) {
  const v = view.data[line.column][i]
  if (v === v) { parts.push(`<span class="${line.css}" style="white-space:nowrap">${line.label} <b>${say(v, line.unit)}</b></span>`) }
}
const f = fills.data
for (let k = 0; k < f.x.length; k++) {
  if (f.row[k] >= first[i] && f.row[k] <= last[i]) { parts.push(`<b class="${f.side[k]}">${f.note[k]}</b>`) }
}
readout.text = parts.join(" &nbsp;")
