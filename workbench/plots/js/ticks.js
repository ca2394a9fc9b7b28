// Ticks where the calendar turns: years first, then months, days, hours, as far as they fit.
const {time, x: first} = view.data
const n = time.length
const ticks = []
if (n == 0) { return ticks }
const room = Math.max(2, Math.floor((figure.properties.inner_width.is_unset ? 1000 : figure.inner_width) / 85))
const gap = (cb_data.end - cb_data.start) / room
const levels = Array.from({length: 10}, () => [])
// a label nearer to the left edge would be cut off
const least = cb_data.start + gap * 0.3
let before = null
for (let i = 0; i < n; i++) {
  if (first[i] < least || first[i] > cb_data.end) { before = new Date(time[i]); continue }
  const now = new Date(time[i])
  let level = 9
  if (before != null) {
    if (now.getUTCFullYear() != before.getUTCFullYear()) { level = 0 }
    else if (now.getUTCMonth() != before.getUTCMonth()) { level = now.getUTCMonth() % 3 == 0 ? 1 : 2 }
    else if (now.getUTCDate() != before.getUTCDate()) {
      level = Math.floor((now.getUTCDate() - 1) / 10) != Math.floor((before.getUTCDate() - 1) / 10) ? 3 : 4 }
    else if (now.getUTCHours() != before.getUTCHours()) { level = 5 }
    else {
      const turns = (minutes) => Math.floor(now.getUTCMinutes() / minutes) != Math.floor(before.getUTCMinutes() / minutes)
      level = turns(30) ? 6 : turns(15) ? 7 : turns(5) ? 8 : 9
    }
  }
  levels[level].push(first[i])
  before = now
}
levels.forEach((level, which) => {
  const fitting = []
  for (const x of level) {
    const all = ticks.concat(fitting)
    if (all.every((other) => Math.abs(other - x) >= gap)) { fitting.push(x) }
  }
  // minutes of which some fit and some do not would look ragged
  if (which > 5 && fitting.length < 0.75 * level.length) { return }
  ticks.push(...fitting)
  ticks.sort((a, b) => a - b)
})
return ticks
