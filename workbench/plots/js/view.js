// Re-aggregates what is visible from the full columns; the same rules as aggregate_columns.
const names = Object.keys(full.data)
const total = full.data.time.length
const width = x_range.end - x_range.start
if (total == 0 || !(width > 0)) { return }
const start = Math.max(0, Math.floor(x_range.start - width * margin))
const stop = Math.min(total, Math.ceil(x_range.end + width * margin) + 1)
if (stop <= start) { return }
const count = stop - start
let size = 1
while (size > 1 ? count / size + 1 > limit : count > limit) {
  const odd = (size & (size - 1)) != 0
  size = size == 1 ? 2 : (odd ? size / 3 * 4 : size / 2 * 3)
}
const old = view.data
const have = old.first.length
if (have > 0 && view._size === size && view._full === full.data
    && old.first[0] <= Math.max(0, Math.floor(x_range.start))
    && old.last[have - 1] >= Math.min(total - 1, Math.ceil(x_range.end))) { return }
view._size = size
view._full = full.data
const head = Math.floor(start / size) * size
const n = Math.ceil((stop - head) / size)
const out = {x: new Float64Array(n), width: new Float64Array(n), first: new Float64Array(n),
  last: new Float64Array(n), rising: new Float64Array(n),
  mid: new Float64Array(n), body: new Float64Array(n)}
for (const name of names) { out[name] = new Float64Array(n) }
const {open, high, low, close, volume} = full.data
for (let b = 0; b < n; b++) {
  const i = Math.max(start, head + b * size)
  const j = Math.min(stop, head + (b + 1) * size) - 1
  for (const name of names) { out[name][b] = full.data[name][j] }
  let o = NaN, h = NaN, l = NaN, c = NaN, v = 0
  for (let k = i; k <= j; k++) {
    if (o !== o) { o = open[k] }
    if (close[k] === close[k]) { c = close[k] }
    if (!(h >= high[k]) && high[k] === high[k]) { h = high[k] }
    if (!(l <= low[k]) && low[k] === low[k]) { l = low[k] }
    if (volume[k] === volume[k]) { v += volume[k] }
  }
  out.open[b] = o; out.high[b] = h; out.low[b] = l; out.close[b] = c; out.volume[b] = size == 1 ? volume[i] : v
  out.time[b] = full.data.time[i]
  out.mid[b] = (o + c) / 2
  out.body[b] = Math.abs(c - o)
  out.rising[b] = c >= o ? 1 : 0
  out.first[b] = i; out.last[b] = j
  out.x[b] = (i + j) / 2
  out.width[b] = size * 0.72
}
view.data = out
